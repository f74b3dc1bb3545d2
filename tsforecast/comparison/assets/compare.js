/* Shows one run in the table and in all charts at once. Needs uPlot and charts.js. */
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("page-data").textContent);
  let kept = null; // the run that was clicked
  const plots = data.charts.map((chart) => charts.runs(chart, (run) => show(run ?? kept)));
  function show(run) {
    document.body.classList.toggle("picked", run !== null);
    for (const mark of document.querySelectorAll("[data-run]")) mark.classList.toggle("on", Number(mark.dataset.run) === run);
    for (const plot of plots) plot.focus(run);
  }
  const runAt = (event) => { const mark = event.target.closest("[data-run]"); return mark ? Number(mark.dataset.run) : null; };
  document.addEventListener("pointerover", (event) => { if (!event.target.closest(".uplot")) show(runAt(event) ?? kept); });
  document.addEventListener("click", (event) => {
    if (event.target.closest(".uplot")) return;
    const run = runAt(event);
    kept = run === kept ? null : run;
    show(kept);
  });
})();
