// Says when the state changed, and shows it when nobody is in the middle of something. Pages work without it.
"use strict";
(() => {
  const stamp = document.body.dataset.stamp;
  const news = document.getElementById("news");
  if (!stamp || !news || !window.EventSource) return;
  const busy = () =>
    document.activeElement !== document.body && document.activeElement.id !== "main" ||
    window.scrollY > 40 || String(window.getSelection()) !== "";
  const source = new EventSource("/events");
  source.addEventListener("change", (event) => {
    if (JSON.parse(event.data).stamp === stamp) return;
    source.close();
    window.setTimeout(() => {
      if (busy() || document.hidden) news.hidden = false;
      else window.location.reload();
    }, Math.max(0, 5000 - performance.now()));
  });
  source.addEventListener("bye", () => source.close());
  window.addEventListener("pagehide", () => source.close());
})();
