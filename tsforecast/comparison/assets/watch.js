/* Loads the page again once a run has written something; the browser keeps the scroll position. */
(() => {
  "use strict";
  const { live } = JSON.parse(document.getElementById("page-data").textContent);
  const gone = document.getElementById("gone");
  async function look() {
    try {
      const version = await (await fetch("/version", { cache: "no-store" })).text();
      gone.hidden = true;
      if (version !== live.version && !document.hidden) location.reload();
    } catch {
      gone.hidden = false;
    }
  }
  setInterval(look, live.seconds * 1000);
})();
