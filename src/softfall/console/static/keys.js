// Keys for the work: each does what a link or a button on the page does.
//
// Guarantees: letters do nothing while something is typed or chosen, while a modifier is held, or
// where the person has switched them off (WCAG 2.1.4); no key opens evidence. Escape is the way out:
// the page is blank at once; let go, and a page with nothing of the work on it comes; held for a
// second, the shift is stopped. No question is asked.

const HOLD_MS = 1000;
const work = document.getElementById("work");
const letters = work?.dataset.keys !== "off";
const moves = { j: 1, k: -1, ArrowDown: 1, ArrowUp: -1 };
let leaving = null; // while Escape is held: {fromField, timer}

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") return startLeaving(event);
  if (event.defaultPrevented || isTyping(event.target)) return;
  if (event.key in moves && (letters || event.key.startsWith("Arrow"))) {
    return moveAlong(event, moves[event.key]);
  }
  if (!letters || event.key.length !== 1 || event.repeat) return;
  const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (target === null) return;
  event.preventDefault();
  if (target.matches("a, button")) target.click();
  else target.focus();
});

document.addEventListener("keyup", (event) => {
  if (event.key !== "Escape" || leaving === null) return;
  clearTimeout(leaving.timer);
  const { fromField } = leaving;
  leaving = null;
  if (!fromField) location.assign("/rest");
});

window.addEventListener("blur", () => {
  if (leaving === null) return;
  clearTimeout(leaving.timer);
  leaving = null;
  location.assign("/rest");
});

function isTyping(element) {
  return element instanceof Element
    && element.closest("input, textarea, select, [contenteditable]") !== null;
}

function startLeaving(event) {
  event.preventDefault();
  if (leaving !== null) return;
  const fromField = isTyping(event.target) && event.target.matches("textarea, input, select");
  if (fromField) event.target.blur();
  else document.documentElement.classList.add("away");
  leaving = { fromField, timer: setTimeout(stop, HOLD_MS) };
}

function stop() {
  leaving = null;
  document.documentElement.classList.add("away");
  const form = document.getElementById("stop");
  if (form === null) location.assign("/rest");
  else form.requestSubmit();
}

function moveAlong(event, by) {
  const rows = [...document.querySelectorAll("[data-row]")];
  if (rows.length === 0) return;
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[at === -1 ? (by > 0 ? 0 : rows.length - 1) : at + by];
  if (next === undefined) return;
  event.preventDefault();
  next.querySelector("a")?.focus();
}
