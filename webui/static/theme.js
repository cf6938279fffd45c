// Tells the style sheet before anything is drawn whether the browser is to be light or dark.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const adapt = () => {
  document.documentElement.dataset.bsTheme = dark.matches ? "dark" : "light";
};
dark.addEventListener("change", adapt);
adapt();
