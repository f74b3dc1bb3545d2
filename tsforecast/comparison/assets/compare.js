/* Points at one run in the table and in all charts at once. */
(() => {
  "use strict";
  let held = null;
  const show = (run) => {
    document.body.classList.toggle("picked", run !== null);
    for (const mark of document.querySelectorAll("[data-run]")) mark.classList.toggle("on", mark.dataset.run === run);
  };
  const under = (event) => { const mark = event.target.closest("[data-run]"); return mark ? mark.dataset.run : null; };
  document.addEventListener("pointerover", (event) => show(under(event) ?? held));
  document.addEventListener("click", (event) => { const run = under(event); held = run === held ? null : run; show(held); });
})();
