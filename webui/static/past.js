// Says beside the slider, and to screen readers, which moment it stands at.
const slider = document.getElementById("place");
if (slider) {
  const text = document.getElementById("place-text");
  const moments = document.getElementById("moments").options;
  slider.addEventListener("input", () => {
    text.textContent = moments[slider.value].label;
    slider.setAttribute("aria-valuetext", moments[slider.value].label);
  });
}
