/* Draws charts with uPlot, in the colors of the page: used by the report, the comparison and the live page. */
const charts = (() => {
  "use strict";
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const font = '12px system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif';
  const draws = []; // redrawn when the color scheme changes

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
  // Times are shown as they stand in the data, so all of them are read as UTC, whatever the reader's own zone is; those of
  // data with a time zone are shown in that zone.
  let zone = "", zoned = null;
  const setZone = (name) => {
    if (name === zone) return;
    zone = name;
    zoned = name ? new Intl.DateTimeFormat("sv-SE", { timeZone: name, dateStyle: "short", timeStyle: "medium" }) : null;
  };
  const iso = (t) => (zoned ? zoned.format(new Date(t * 1000)).replace(" ", "T") : new Date(t * 1000).toISOString());
  const tzDate = (t) => uPlot.tzDate(new Date(t * 1000), zone || "Etc/UTC");
  const months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
  const weekdays = "Sun Mon Tue Wed Thu Fri Sat".split(" ");
  const fullTime = (step) => (t) => {
    if (t == null) return "–";
    const text = iso(t);
    const clock = step < 60 ? text.slice(11, 19) : text.slice(11, 16);
    const day = weekdays[new Date(text.slice(0, 10) + "T00:00Z").getUTCDay()] + " " + text.slice(0, 10);
    return step >= 86400 ? day : day + " " + clock;
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
    stroke: color("ink-2"), font, gap: 6, grid: { stroke: color("grid"), width: 1 },
    ticks: { stroke: color("line"), width: 1, size: 4 }, ...extra,
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
    const resize = new ResizeObserver(() => {
      if (box.clientWidth && box.clientWidth !== plot.width) plot.setSize({ width: box.clientWidth, height: height() });
    });
    resize.observe(box);
    const remove = () => {
      resize.disconnect();
      draws.splice(draws.indexOf(draw), 1);
      plot.destroy();
    };
    return { draw, remove, get plot() { return plot; } };
  }

  // A chart of lines or bars over one axis of numbers; a series is [label, values, color, kind].
  function lines({ id, x, x_name: xName, series }) {
    const box = document.getElementById(id);
    const bars = series.some((s) => s[3].startsWith("bar"));
    const fromZero = bars || series.some((s) => s[3] === "from-zero"); // or noise in a steady rate looks like a fall
    const pad = bars ? 0.6 : Math.max((x[x.length - 1] - x[0]) * 0.02, x.length > 1 ? 0 : 0.5);
    const style = ([label, , stroke, kind]) => {
      const c = color(stroke);
      if (kind === "bar-wide") return line(label, c + "55", { fill: c + "44", width: 0, paths: uPlot.paths.bars({ size: [0.82, 48] }) });
      if (kind === "bar-narrow") return line(label, c, { fill: c, width: 0, paths: uPlot.paths.bars({ size: [0.42, 24] }) });
      if (kind === "dot") return line(label, c, { width: 0, points: { show: true, size: 5, fill: c + "99", width: 0 } });
      return line(label, c, { dash: kind === "dash" ? [5, 4] : undefined, points: { show: x.length <= 40, size: 5, fill: c } });
    };
    const whole = { incrs: [1, 2, 3, 5, 6, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000], space: 34, size: 32, values: (u, s) => s.map((v) => v.toLocaleString("en")) };
    chart(box, () => 220, () => ({
      scales: { x: { time: false, range: () => [x[0] - pad, x[x.length - 1] + pad] }, y: fromZero ? { range: (u, lo, hi) => [0, (hi || 1) * 1.08] } : {} },
      cursor: { drag: { x: false, y: false } },
      axes: [axis(whole), valueAxis()],
      series: [{ label: xName, value: shown((v) => xName + " " + number(v)) }, ...series.map(style)],
    }), () => [x, ...series.map((s) => s[1])]);
  }

  // A chart with a line or a dot per run: a series is [label, y, color, kind, x, run]. Pointing at a run calls onFocus
  // with its number, or null; the result's focus(run) shows that run and fades the others.
  function runs({ id, x_name: xName, y_name: yName, log_x: logX, series }, onFocus) {
    const box = document.getElementById(id), caption = document.createElement("p");
    caption.className = "caption";
    const columns = uPlot.join(series.map((s) => [s[4], s[1]]));
    const style = ([label, , stroke, kind]) => {
      const c = color(stroke);
      return line(label, c, { spanGaps: true, width: kind === "dot" ? 0 : 1.8, points: { show: kind === "dot" || columns[0].length <= 40, size: kind === "dot" ? 10 : 5, fill: c, stroke: color("card"), width: 1 } });
    };
    const write = (u, i) => {
      const at = i == null || i === 0 ? null : (u.cursor.idxs || [])[i];
      caption.textContent = at == null ? "" : `${series[i - 1][0]}: ${xName} ${number(columns[0][at])}, ${yName} ${number(columns[i][at])}`;
    };
    const inner = chart(box, () => 270, () => ({
      focus: { alpha: 0.12 },
      cursor: { drag: { x: false, y: false }, focus: { prox: 30 }, points: { show: false }, x: false, y: false, dataIdx: (u, i, at) => nearest(columns[i], at) },
      legend: { show: false },
      scales: { x: { time: false, distr: logX ? 3 : 1, range: (u, low, high) => spread(low, high, logX) }, y: { range: (u, low, high) => spread(low, high, false) } },
      axes: [axis({ label: xName, labelFont: font, labelSize: 20, labelGap: 2, size: 34, space: 60, ...(logX ? { values: logNumbers, filter: logSplits, grid: { stroke: color("grid"), width: 1, filter: logSplits }, ticks: { stroke: color("line"), width: 1, size: 4, filter: logSplits } } : { values: axisNumbers }) }), valueAxis()],
      series: [{ label: xName }, ...series.map(style)],
      hooks: { setSeries: [(u, i, options) => {
        if (options.focus == null) return;
        write(u, i);
        onFocus(i ? series[i - 1][5] : null);
      }] },
    }), () => columns);
    box.after(caption);
    return { focus: (run) => {
      const index = series.findIndex((s) => s[5] === run);
      inner.plot.setSeries(index < 0 ? null : index + 1, { focus: true }, false);
    } };
  }
  function nearest(values, at) {
    for (let away = 0; away < values.length; away++) {
      if (values[at - away] != null) return at - away;
      if (values[at + away] != null) return at + away;
    }
    return at;
  }
  function spread(low, high, log) {
    if (low == null) return [0, 1];
    if (log) return [low / 1.3, high * 1.3];
    const pad = 0.06 * (high - low) || 0.5 * Math.abs(high) || 0.5;
    return [low - pad, high + pad];
  }
  // A logarithmic axis that spans little has lines at 1, 2 and 5, others at the powers of ten.
  function logSplits(u, splits) {
    const wanted = u.scales.x.max / u.scales.x.min < 1000 ? [1, 2, 5] : [1];
    return splits.map((v) => (v > 0 && wanted.some((m) => Math.abs(v / 10 ** Math.floor(Math.log10(v) + 1e-9) - m) < 1e-6) ? v : null));
  }
  const logNumbers = (u, splits) => splits.map((v) => (v == null ? null : v < 1e-3 ? v.toExponential(0) : v.toLocaleString("en")));

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draws.forEach((draw) => draw()));
  return { color, number, iso, setZone, tzDate, fullTime, axis, axisTimes, valueAxis, shown, line, chart, lines, runs };
})();
