// The report of what waits: choosing with the keyboard, asking before an answer is sent, and
// marking what was decided meanwhile. Without this script the page works by itself.
(() => {
  const form = document.getElementById("choice");
  const dialog = document.getElementById("confirm");
  const bar = form.querySelector(".answer-bar");
  const boxes = () => [...form.querySelectorAll("input[type=checkbox]:not(:disabled)")];
  const chosen = () => boxes().filter((box) => box.checked);
  const rows = () => [...form.querySelectorAll("li.waiting")];

  let lost = [];
  const count = () => {
    const say = document.getElementById("chosen");
    if (!say) return;
    const single = chosen().filter((box) => box.name === "action").length;
    const wholes = chosen()
      .filter((box) => box.name === "part")
      .map((box) => box.closest("label").textContent.trim());
    const parts = [...wholes, ...(single || !wholes.length ? [`${single} one by one`] : [])];
    const now = chosen().length ? `Chosen: ${parts.join(", ")}` : "Nothing is chosen";
    const gone = `No longer chosen, because the list is another one now: ${lost.join(", ")}`;
    const text = lost.length ? `${now}. ${gone}` : now;
    if (say.textContent !== text) say.textContent = text;
  };

  // --- choosing and answering
  const choose = () => {
    lost = [];
    count();
  };
  const setAll = (on) => {
    for (const box of boxes()) if (!on || box.name === "action") box.checked = on;
    choose();
  };
  const button = (id, act) => {
    const found = document.getElementById(id);
    if (!found) return;
    found.hidden = false;
    found.addEventListener("click", act);
  };
  button("choose-page", () => setAll(true));
  button("choose-none", () => setAll(false));
  form.addEventListener("change", (event) => {
    if (event.target.type === "checkbox") choose();
  });

  let confirmed = null;
  let asked = null;
  form.addEventListener("submit", (event) => {
    if (confirmed || !event.submitter || !dialog.showModal) return;
    event.preventDefault();
    if (!chosen().length) {
      document.getElementById("chosen").textContent = "Nothing is chosen. Choose something first";
      return;
    }
    asked = event.submitter;
    const verb = asked.value === "approve" ? "Approve" : "Reject";
    document.getElementById("confirm-title").textContent = `${verb} what is chosen?`;
    document.getElementById("confirm-text").textContent = document.getElementById("chosen").textContent;
    document.getElementById("confirm-yes").textContent = verb;
    dialog.returnValue = "";
    dialog.showModal();
  });
  dialog.addEventListener("close", () => {
    if (dialog.returnValue !== "yes" || !asked) return;
    confirmed = asked;
    form.requestSubmit(asked);
  });

  // --- the keyboard
  const isTyping = (target) =>
    target.isContentEditable ||
    target.matches("select, textarea, input:not([type=checkbox])");
  const move = (step) => {
    const all = rows();
    const here = all.indexOf(document.activeElement.closest("li.waiting"));
    const next = all[Math.min(Math.max(here + step, 0), all.length - 1)];
    if (!next) return;
    (next.querySelector("input:not(:disabled)") || next).focus();
    next.scrollIntoView({ block: "nearest" });
  };
  const toggle = () => {
    const row = document.activeElement.closest("li.waiting");
    const box = row && row.querySelector("input:not(:disabled)");
    if (!box) return;
    box.checked = !box.checked;
    choose();
  };
  const answer = (value) => {
    const press = bar && bar.querySelector(`button[value=${value}]`);
    if (press) form.requestSubmit(press);
  };
  const keys = {
    j: () => move(1),
    k: () => move(-1),
    x: toggle,
    a: () => answer("approve"),
    r: () => answer("reject"),
    "/": () => document.getElementById("search")?.focus(),
    "?": () => {
      const list = document.getElementById("keys");
      list.open = !list.open;
      list.querySelector("summary").focus();
    },
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (dialog.open || isTyping(event.target) || !Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });

  // --- what happened meanwhile
  const close = (row, text) => {
    const box = row.querySelector("input");
    if (box) {
      const hadFocus = box === document.activeElement;
      box.checked = false;
      box.disabled = true;
      if (hadFocus) row.focus({ preventScroll: true });
    }
    const became = row.querySelector(".became");
    became.textContent = text;
    became.hidden = false;
  };
  const mark = () => {
    for (const each of document.querySelectorAll("#ended li")) {
      const { action, request } = each.dataset;
      const row = action && document.getElementById(`action-${action}`);
      if (row) close(row, each.textContent);
      const wholes = request && document.getElementById(`wholes-${request}`);
      if (wholes) wholes.textContent = each.textContent;
    }
    count();
  };
  // what somebody looks at stays where it is, whatever is drawn above it
  document.documentElement.classList.add("still");
  const isSeen = (row) => {
    const { top, bottom } = row.getBoundingClientRect();
    return bottom > 0 && top < window.innerHeight;
  };
  let looked = null;
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.requestConfig?.elt.id !== "poll") return;
    const here = document.activeElement.closest("li.waiting");
    const row = here && isSeen(here) ? here : rows().find(isSeen);
    looked = row ? { row, top: row.getBoundingClientRect().top } : null;
  });
  document.body.addEventListener("htmx:afterSettle", () => {
    if (looked) window.scrollBy(0, looked.row.getBoundingClientRect().top - looked.top);
    looked = null;
  });
  // what is chosen as a whole stays chosen while it stands for the list that was seen, and no longer
  const kept = new Map();
  document.body.addEventListener("htmx:oobBeforeSwap", (event) => {
    if (!event.target.matches?.(".wholes")) return;
    for (const box of event.target.querySelectorAll("input:checked")) {
      kept.set(box.value, box.closest("label").textContent.trim());
    }
  });
  document.body.addEventListener("htmx:oobAfterSwap", () => {
    for (const box of form.querySelectorAll("input[name=part]")) {
      if (kept.delete(box.value)) box.checked = true;
    }
    lost.push(...kept.values());
    kept.clear();
    mark();
  });
  document.body.addEventListener("htmx:afterSettle", count);
  count();
})();
