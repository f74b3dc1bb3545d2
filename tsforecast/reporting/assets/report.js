/* Draws the charts of a report from the JSON in the page. Needs uPlot and charts.js. */
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("page-data").textContent);
  const { color, fullTime, axis, axisTimes, valueAxis, shown, line, chart } = charts;

  // ---- forecast against truth -------------------------------------------------------------------------------
  function forecastChart() {
    const f = data.forecast, box = document.getElementById("chart-forecast"), bar = document.getElementById("forecast-bar");
    if (!f || !box) return;
    charts.setZone(f.timezone || "");
    const times = f.times || Array.from({ length: f.count }, (_, i) => f.start + i * f.step);
    const first = times[0], last = times[times.length - 1];
    let target = f.targets[0], buttons = [];
    const height = () => (window.innerWidth < 640 ? 300 : 400);
    const columns = () => [times, ...(target.upper ? [target.upper, target.lower] : []), target.truth, target.forecast,
      ...target.baselines.map((b) => b.values)];
    const edge = { width: 0, points: { show: false } };
    const made = chart(box, height, () => ({
      class: "zoom",
      tzDate: charts.tzDate,
      cursor: { drag: { x: true, y: false, dist: 4 }, bind: { dblclick: () => () => { show(first, last); return null; } } },
      axes: [axis({ values: axisTimes, size: 46, space: 70 }), valueAxis()],
      series: [
        { label: "Time", value: shown(fullTime(f.step)) },
        ...(target.upper ? [line(f.interval + " upper", color("band"), edge), line(f.interval + " lower", color("band"), edge)] : []),
        line("Measured", color("truth"), { width: 1.6 }),
        line("Forecast", color("forecast")),
        ...target.baselines.map((b) => line(b.name, color("baseline"), { width: 1, dash: [4, 3], show: false })),
      ],
      bands: target.upper ? [{ series: [1, 2], fill: color("band") }] : [],
      hooks: { setScale: [(u, key) => key === "x" && mark(u)] },
    }), columns);

    function show(from, to) {
      const span = Math.min(Math.max(to - from, 8 * f.step), last - first || 1);
      const start = Math.min(Math.max(from, first), last - span);
      made.plot.setScale("x", { min: start, max: start + span });
    }
    function mark(u) {
      const { min, max } = u.scales.x;
      if (min == null) return;
      for (const [button, span] of buttons) button.setAttribute("aria-pressed", String(Math.abs(max - min - span) < f.step));
      if (bar.earlier) { bar.earlier.disabled = min <= first; bar.later.disabled = max >= last; }
    }
    const add = (text, hint, action) => {
      const button = document.createElement("button");
      Object.assign(button, { type: "button", textContent: text, title: hint, onclick: action });
      return bar.appendChild(button);
    };
    const gap = () => { const span = document.createElement("span"); span.className = "gap"; bar.appendChild(span); };

    if (f.targets.length > 1) {
      const select = document.createElement("select");
      select.setAttribute("aria-label", "Target");
      f.targets.forEach((t, i) => select.add(new Option(t.label, String(i))));
      select.onchange = () => {
        target = f.targets[+select.value];
        document.getElementById("forecast-target").textContent = target.label;
        made.draw();
      };
      bar.appendChild(select);
    }
    const hour = 3600, day = 24 * hour;
    const spans = [["1 hour", hour], ["6 hours", 6 * hour], ["1 day", day], ["1 week", 7 * day], ["4 weeks", 28 * day], ["1 year", 365 * day]]
      .filter(([, span]) => span >= 24 * f.step && span < last - first);
    buttons = spans.map(([text, span]) => [add(text, "Show " + text, () => {
      const { min, max } = made.plot.scales.x;
      const middle = max >= last ? last - span / 2 : (min + max) / 2; // a view of the newest stays one
      show(middle - span / 2, middle + span / 2);
    }), span]);
    buttons.push([add("All", "Show everything (or double-click the chart)", () => show(first, last)), last - first]);
    gap();
    const move = (share) => () => { const { min, max } = made.plot.scales.x; show(min + share * (max - min), max + share * (max - min)); };
    bar.earlier = add("‹ Earlier", "Move half a view back", move(-0.5));
    bar.later = add("Later ›", "Move half a view on", move(0.5));
    let misses = null, at = 0;
    add("Largest misses", "Go to the next of the ten largest errors", () => {
      if (!misses || misses.of !== target) { misses = largestMisses(); at = 0; }
      if (!misses.length) return;
      const i = misses[at++ % misses.length];
      show(times[i] - 90 * f.step, times[i] + 90 * f.step);
      setTimeout(() => { // once the new range is in force
        made.plot.setCursor({ left: made.plot.valToPos(times[i], "x"), top: made.plot.valToPos(target.truth[i], "y") });
      });
    });
    function largestMisses() {
      const miss = (i) => Math.abs(target.truth[i] - target.forecast[i]);
      const order = times.map((_, i) => i).filter((i) => target.truth[i] != null && target.forecast[i] != null).sort((a, b) => miss(b) - miss(a));
      const kept = [];
      for (const i of order) {
        if (kept.length === 10) break;
        if (kept.every((j) => Math.abs(i - j) > 60)) kept.push(i);
      }
      kept.of = target;
      return kept;
    }
    touch(box, () => made.plot, show, () => show(first, last));
    // At first, show the newest period in which single rows can still be distinguished.
    const near = spans.filter(([, span]) => span <= (window.innerWidth < 640 ? 500 : 1500) * f.step).pop();
    near ? show(last - near[1], last) : mark(made.plot);
  }

  // One finger sideways selects, two fingers pinch, two taps reset; up and down still scrolls the page.
  function touch(box, plot, show, reset) {
    const fingers = new Map();
    let start = null, tapped = 0;
    const left = (e) => e.clientX - plot().over.getBoundingClientRect().left;
    const spread = () => { const [a, b] = [...fingers.values()].sort((p, q) => p - q); return [a, Math.max(b, a + 1)]; };
    box.addEventListener("pointerdown", (e) => {
      if (e.pointerType !== "touch" || !e.target.closest(".u-over")) return;
      fingers.set(e.pointerId, left(e));
      if (fingers.size === 2) {
        start = { pinch: spread().map((p) => plot().posToVal(p, "x")) };
        plot().setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
      } else start = { at: left(e) };
    });
    box.addEventListener("pointermove", (e) => {
      if (!fingers.has(e.pointerId) || !start) return;
      fingers.set(e.pointerId, left(e));
      if (start.pinch && fingers.size === 2) {
        const [a, b] = spread(), [from, to] = start.pinch, perPixel = (to - from) / (b - a);
        show(from - a * perPixel, to + (plot().over.clientWidth - b) * perPixel);
      } else if (start.at != null && Math.abs(left(e) - start.at) > 8) {
        start.drag = [Math.min(start.at, left(e)), Math.max(start.at, left(e))];
        plot().setSelect({ left: start.drag[0], width: start.drag[1] - start.drag[0], top: 0, height: plot().over.clientHeight }, false);
      }
    });
    const lift = (e) => {
      if (!fingers.delete(e.pointerId) || !start) return;
      plot().setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
      if (e.type === "pointerup" && start.drag) show(...start.drag.map((p) => plot().posToVal(p, "x")));
      else if (e.type === "pointerup" && start.at != null) {
        if (e.timeStamp - tapped < 350) reset();
        tapped = e.timeStamp;
      }
      if (fingers.size === 0) start = null; else start = {};
    };
    box.addEventListener("pointerup", lift);
    box.addEventListener("pointercancel", lift);
  }

  forecastChart();
  data.charts.forEach(charts.lines);

  // One figure of a section at a time, chosen from a list; all of them are drawn before any is hidden.
  document.querySelectorAll(".picker").forEach((box) => {
    const figures = [...box.querySelectorAll("figure")], list = document.createElement("select");
    list.setAttribute("aria-label", "Series");
    figures.forEach((figure, i) => list.add(new Option(figure.querySelector("h3").textContent, i)));
    const pick = () => figures.forEach((figure, i) => { figure.hidden = i !== +list.value; });
    list.addEventListener("change", pick);
    box.prepend(list);
    pick();
  });
})();
