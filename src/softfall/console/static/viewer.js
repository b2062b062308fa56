// The viewer: one region of one picture, for as long as a key or a finger is held, and no longer.
//
// Guarantees: nothing is asked for before a reason is given and something is held down; each region
// is a request of its own, which the server counts and records; what was shown leaves the page and
// the memory when the hold ends, the window loses focus, the page is hidden, or the server's time
// for one view is over; the server is then told that it was closed.
// Refuses: hovering, toggling, and repeated keys open nothing.

const form = document.getElementById("viewer");
if (form) start(form);

function start(form) {
  const said = document.getElementById("viewer-said");
  const left = document.getElementById("viewer-left");
  const reason = form.elements.namedItem("reason");
  let held = null; // the one region that is held now: {button, pressed}

  for (const button of form.querySelectorAll("button[data-region]")) {
    button.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      button.focus();
      press(button);
    });
    for (const ending of ["pointerup", "pointerleave", "pointercancel", "lostpointercapture"]) {
      button.addEventListener(ending, () => release(button));
    }
    button.addEventListener("keydown", (event) => {
      if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      if (!event.repeat) press(button);
    });
    button.addEventListener("keyup", (event) => {
      if (event.key === " " || event.key === "Enter") release(button);
    });
    button.addEventListener("blur", () => release(button));
    button.addEventListener("click", (event) => event.preventDefault());
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    button.addEventListener("dragstart", (event) => event.preventDefault());
  }
  for (const [target, event] of [
    [window, "blur"],
    [window, "pagehide"],
    [document, "visibilitychange"],
  ]) {
    target.addEventListener(event, () => release());
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") release();
  }, true);

  function press(button) {
    release();
    if (!reason.checkValidity()) {
      say("First write why you need to look.");
      reason.reportValidity();
      return;
    }
    const pressed = { button, view: null, timer: 0, url: "", over: false };
    held = pressed;
    button.setAttribute("aria-pressed", "true");
    say(`${button.dataset.name} is being fetched. Keep holding.`);
    open(pressed).catch(() => {
      if (!pressed.over) say("The server could not be reached. Nothing was shown.");
      release(button);
    });
  }

  async function open(pressed) {
    const asked = new FormData();
    asked.set("region", pressed.button.dataset.region);
    asked.set("reason", reason.value);
    asked.set("blur", form.elements.namedItem("blur").value);
    const answer = await fetch(form.dataset.open, {
      method: "POST", body: asked, headers: tokens(), cache: "no-store", redirect: "error",
    });
    pressed.view = answer.headers.get("X-View");
    if (answer.headers.has("X-Left")) left.textContent = answer.headers.get("X-Left");
    if (!answer.ok) {
      const told = await answer.json().catch(() => ({}));
      say([told.what, told.remedy].filter(Boolean).join(". ") || "The server refused to open it.");
      release(pressed.button, true);
      return;
    }
    if (pressed.over) { // let go before it came: it is never drawn
      await answer.body?.cancel();
      close(pressed);
      return;
    }
    const picture = await answer.blob();
    if (pressed.over) {
      close(pressed);
      return;
    }
    show(pressed, picture, Number(answer.headers.get("X-View-Seconds")) || 10);
  }

  function show(pressed, picture, seconds) {
    const image = document.createElement("img");
    pressed.url = URL.createObjectURL(picture);
    image.alt = "";
    image.draggable = false;
    image.src = pressed.url;
    pressed.button.append(image);
    pressed.timer = setTimeout(() => release(pressed.button), seconds * 1000);
    pressed.button.dataset.seen = "yes";
    say(`${pressed.button.dataset.name} is open. Let go to close it.`);
  }

  function release(button, quiet = false) {
    const pressed = held;
    if (pressed === null || (button && pressed.button !== button)) return;
    held = null;
    pressed.over = true;
    clearTimeout(pressed.timer);
    pressed.button.querySelector("img")?.remove();
    if (pressed.url) URL.revokeObjectURL(pressed.url);
    pressed.button.setAttribute("aria-pressed", "false");
    if (pressed.url) close(pressed);
    if (!quiet) say("Closed.");
  }

  function close(pressed) {
    if (!pressed.view) return;
    const told = new FormData();
    told.set("view", pressed.view);
    pressed.view = null;
    fetch(form.dataset.close, {
      method: "POST", body: told, headers: tokens(), keepalive: true, cache: "no-store",
    }).catch(() => {}); // the server's own limit closes it
  }

  function tokens() {
    return { "X-CSRF-Token": form.elements.namedItem("csrf").value };
  }

  function say(words) {
    said.textContent = words;
  }
}
