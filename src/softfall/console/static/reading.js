// Reported words leave the page when their time is over or the window is left, and the server is
// told. Without scripts they stay until the page is left, and count in full.

const form = document.getElementById("reading");
if (form) {
  const stays = form.dataset.stay === "yes"; // a form for an answer stands beside the words
  let closed = false;

  function close(leaving) {
    if (closed) return;
    closed = true;
    for (const words of document.querySelectorAll(".reported, .preview")) {
      words.textContent = "Closed.";
    }
    fetch(form.action, {
      method: "POST", body: new FormData(form), keepalive: true, redirect: "manual",
    }).catch(() => {}); // the server's own limit closes it
    if (stays) {
      form.querySelector("button").hidden = true;
      document.getElementById("reading-said").textContent = "The documents are closed.";
    } else if (!leaving) {
      location.replace(form.elements.namedItem("onward").value);
    }
  }

  setTimeout(() => close(false), Number(form.dataset.seconds) * 1000);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    close(false);
  });
  document.addEventListener("visibilitychange", () => { if (document.hidden) close(false); });
  window.addEventListener("pagehide", () => close(true));
}
