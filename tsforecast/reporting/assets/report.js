/* Draws the charts of a report from the JSON that stands in the page. Needs uPlot. */
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const font = '12px system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif';
  const draws = []; // redrawn when the colour scheme changes

  // ---- numbers and times ------------------------------------------------------------------------------------
  const number = (v) => {
    if (v == null || !isFinite(v)) return "–";
    const size = Math.abs(v);
    if (size !== 0 && (size < 1e-3 || size >= 1e7)) return v.toExponential(2);
    return v.toLocaleString("en", { maximumSignificantDigits: size >= 1000 ? 6 : 4 });
  };
  const axisNumbers = (u, splits) => {
    const step = splits.length > 1 ? Math.abs(splits[1] - splits[0]) : 1;
    const largest = Math.max(...splits.map(Math.abs));
    if (largest > 0 && (largest < 1e-3 || largest >= 1e7)) return splits.map((v) => (v === 0 ? "0" : v.toExponential(1)));
    let digits = 0; // as many as tell 0.25 from 0.3
    while (digits < 8 && Math.abs(step * 10 ** digits - Math.round(step * 10 ** digits)) > 1e-6 * step * 10 ** digits) digits++;
    return splits.map((v) => v.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  };
  // Times are shown as they stand in the data, so all of them are read as UTC, whatever the reader's own zone is.
  const iso = (t) => new Date(t * 1000).toISOString();
  const months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
  const weekdays = "Sun Mon Tue Wed Thu Fri Sat".split(" ");
  const fullTime = (t) => {
    if (t == null) return "–";
    const text = iso(t);
    const clock = data.forecast.step < 60 ? text.slice(11, 19) : text.slice(11, 16);
    const day = weekdays[new Date(t * 1000).getUTCDay()] + " " + text.slice(0, 10);
    return data.forecast.step >= 86400 ? day : day + " " + clock;
  };
  const axisTimes = (u, splits, axis, space, step) => splits.map((t, i) => {
    const text = iso(t), before = i > 0 ? iso(splits[i - 1]) : "";
    const year = before.slice(0, 4) === text.slice(0, 4) ? "" : " " + text.slice(0, 4);
    const month = months[+text.slice(5, 7) - 1];
    if (step >= 2419200) return month + year;
    const day = +text.slice(8, 10) + " " + month;
    if (step >= 86400) return day + (year && "\n" + year.trim());
    const clock = step < 60 ? text.slice(11, 19) : text.slice(11, 16);
    return before.slice(0, 10) === text.slice(0, 10) ? clock : clock + "\n" + day;
  });

  // ---- one chart --------------------------------------------------------------------------------------------
  const axis = (extra) => ({
    stroke: colour("ink-2"), font, gap: 6, grid: { stroke: colour("grid"), width: 1 },
    ticks: { stroke: colour("line"), width: 1, size: 4 }, ...extra,
  });
  const valueAxis = () => axis({
    values: axisNumbers,
    size: (u, values) => 18 + 7 * Math.max(3, ...(values || []).map((v) => String(v).length)),
  });
  const shown = (format) => (u, v, series, at) => (at == null ? "" : format(v)); // empty while nothing is pointed at
  const line = (label, stroke, extra) => ({ label, stroke, width: 1.5, points: { show: false }, value: shown(number), ...extra });

  function chart(box, height, makeOptions, columns) {
    let plot = null;
    const draw = () => {
      const range = plot && plot.scales.x.min != null ? { min: plot.scales.x.min, max: plot.scales.x.max } : null;
      if (plot) plot.destroy();
      plot = new uPlot({ width: box.clientWidth, height: height(), ...makeOptions() }, columns(), box);
      if (range) plot.setScale("x", range);
      return plot;
    };
    draw();
    draws.push(draw);
    new ResizeObserver(() => {
      if (box.clientWidth && box.clientWidth !== plot.width) plot.setSize({ width: box.clientWidth, height: height() });
    }).observe(box);
    return { draw, get plot() { return plot; } };
  }

  // A chart over a short list of numbers (epochs, steps, hours): series are [label, values, colour, kind].
  function small(id, x, xName, series) {
    const box = document.getElementById(id);
    if (!box) return;
    const bars = series.some((s) => s[3].startsWith("bar"));
    const fromZero = bars || series.some((s) => s[3] === "from-zero"); // or noise in a steady rate looks like a fall
    const pad = bars ? 0.6 : Math.max((x[x.length - 1] - x[0]) * 0.02, x.length > 1 ? 0 : 0.5);
    const style = ([label, , stroke, kind]) => {
      const c = colour(stroke);
      if (kind === "bar-wide") return line(label, c + "55", { fill: c + "44", width: 0, paths: uPlot.paths.bars({ size: [0.82, 48] }) });
      if (kind === "bar-narrow") return line(label, c, { fill: c, width: 0, paths: uPlot.paths.bars({ size: [0.42, 24] }) });
      return line(label, c, { dash: kind === "dash" ? [5, 4] : undefined, points: { show: x.length <= 40, size: 5, fill: c } });
    };
    chart(box, () => 220, () => ({
      scales: { x: { time: false, range: () => [x[0] - pad, x[x.length - 1] + pad] }, y: fromZero ? { range: (u, lo, hi) => [0, (hi || 1) * 1.08] } : {} },
      cursor: { drag: { x: false, y: false } },
      axes: [axis({ incrs: [1, 2, 3, 5, 6, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000], space: 34, size: 32, values: (u, s) => s.map((v) => v.toLocaleString("en")) }), valueAxis()],
      series: [{ label: xName, value: shown((v) => xName + " " + number(v)) }, ...series.map(style)],
    }), () => [x, ...series.map((s) => s[1])]);
  }

  // ---- forecast against truth -------------------------------------------------------------------------------
  function forecastChart() {
    const f = data.forecast, box = document.getElementById("chart-forecast"), bar = document.getElementById("forecast-bar");
    if (!f || !box) return;
    const times = f.times || Array.from({ length: f.count }, (_, i) => f.start + i * f.step);
    const first = times[0], last = times[times.length - 1];
    let target = f.targets[0], buttons = [];
    const height = () => (window.innerWidth < 640 ? 300 : 400);
    const columns = () => [times, ...(target.upper ? [target.upper, target.lower] : []), target.truth, target.forecast,
      ...target.baselines.map((b) => b.values)];
    const edge = { width: 0, points: { show: false } };
    const made = chart(box, height, () => ({
      class: "zoom",
      tzDate: (t) => uPlot.tzDate(new Date(t * 1000), "Etc/UTC"),
      cursor: { drag: { x: true, y: false, dist: 4 }, bind: { dblclick: () => () => { show(first, last); return null; } } },
      axes: [axis({ values: axisTimes, size: 46, space: 70 }), valueAxis()],
      series: [
        { label: "Time", value: shown(fullTime) },
        ...(target.upper ? [line(f.interval + " upper", colour("band"), edge), line(f.interval + " lower", colour("band"), edge)] : []),
        line("Measured", colour("truth"), { width: 1.6 }),
        line("Forecast", colour("forecast")),
        ...target.baselines.map((b) => line(b.name, colour("baseline"), { width: 1, dash: [4, 3], show: false })),
      ],
      bands: target.upper ? [{ series: [1, 2], fill: colour("band") }] : [],
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
    // At first the newest stretch whose single rows can still be told apart.
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
  for (const c of data.small) small(c.id, c.x, c.x_name, c.series);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draws.forEach((draw) => draw()));
})();
