/* Asks the service every few seconds what it forecast and how that turned out, and draws it. Needs uPlot and charts.js. */
(() => {
  "use strict";
  const SECONDS = 2, SHOWN_ALARMS = 12, SMOOTH = 30;
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  const at = (id) => document.getElementById(id);
  const { color, number } = charts;
  const percent = (v) => (v == null ? "–" : (100 * v).toFixed(1) + " %");
  let step = 0;  // seconds of a step if times number steps
  const clock = (t) => (step ? "step " + number(Math.round(t / step)) : charts.iso(t).slice(0, 16).replace("T", " "));
  const axisTimes = (...args) => (step ? args[1].map((t) => String(Math.round(t / step))) : charts.axisTimes(...args));
  const lines = ["forecast", "second", "baseline", "truth", "bad"];
  const plots = {};
  let newest = null;

  // ---- charts: made once, then given new columns ----------------------------------------------------------------
  function draw(id, series, columns, bands) {
    const shape = series.map((one) => one.label).join("|");
    if (plots[id] && plots[id].shape === shape) {
      plots[id].columns = columns;
      plots[id].chart.plot.setData(columns);
      return;
    }
    if (plots[id]) plots[id].chart.remove();
    plots[id] = { shape, columns };
    plots[id].chart = charts.chart(at(id), () => 260, () => ({
      bands: bands && bands.map((band) => ({ ...band, fill: color("band") })),
      tzDate: charts.tzDate,
      axes: [charts.axis({ values: axisTimes, size: 46, space: 70 }), charts.valueAxis()],
      series: [
        { label: "Time", value: charts.shown((t) => (t == null ? "" : clock(t))) },
        ...series.map(({ label, stroke, dash }) => charts.line(label, stroke ? color(stroke) : "transparent", dash ? { dash } : {})),
      ],
    }), () => plots[id].columns);
  }

  // ---- what the points say ---------------------------------------------------------------------------------------
  const column = (points, key) => points.map((p) => (p[key] == null ? null : p[key]));
  function smoothed(values) {
    const held = [];
    return values.map((v) => {
      if (v == null) return null;
      held.push(v);
      if (held.length > SMOOTH) held.shift();
      return held.reduce((a, b) => a + b, 0) / held.length;
    });
  }
  const mean = (values) => {
    const known = values.filter((v) => v != null);
    return known.length ? known.reduce((a, b) => a + b, 0) / known.length : null;
  };

  function tiles(rows) {
    at("tiles").replaceChildren(...rows.map(([name, value, detail]) => {
      const tile = document.createElement("div");
      tile.className = "tile";
      for (const [kind, css, text] of [["dt", "", name], ["dd", "value", value], ["dd", "detail", detail]]) {
        const part = document.createElement(kind);
        part.className = css;
        part.textContent = text;
        tile.append(part);
      }
      return tile;
    }));
  }

  function targets(names) {
    const choice = at("target");
    if (choice.options.length !== names.length) {
      choice.replaceChildren(...names.map((name, i) => new Option(name, i)));
      choice.onchange = () => show(newest);
    }
    at("target-choice").hidden = names.length < 2;
    return Number(choice.value || 0);
  }

  function seriesChoice(names, shown, open) {
    at("series-choice").hidden = !names;
    const choice = at("series");
    const label = (name) => (open && open[name] ? `${name} (${open[name]} open alarm${open[name] > 1 ? "s" : ""})` : name);
    if (names && choice.options.length === names.length && names.every((name, i) => choice.options[i].value === name)) {
      for (const option of choice.options) if (option.text !== label(option.value)) option.text = label(option.value);
      return;
    }
    if (!names) return;
    choice.replaceChildren(...names.map((name) => new Option(label(name), name)));
    choice.value = shown;
    choice.onchange = () => ask(false);
  }

  function alarms(data) {
    const listed = data.alarms.filter((alarm) => alarm.kind !== "spike");  // spikes have a list of their own
    const open = listed.filter((alarm) => alarm.end == null).length;
    const state = listed.length ? `${open ? open : "None"} open; open ones first, then those that ended last.` : "None.";
    at("alarm-note").textContent = data.monitoring ? `${state} ${data.monitoring}` : state;
    at("alarms").hidden = !listed.length;
    at("alarms").tBodies[0].replaceChildren(...listed.slice(0, SHOWN_ALARMS).map((alarm) => {
      const row = document.createElement("tr");
      row.className = alarm.end == null ? alarm.severity : "ended";
      for (const text of [alarm.severity, clock(alarm.start), alarm.end == null ? "open" : clock(alarm.end), alarm.text]) {
        row.insertCell().textContent = text;
      }
      row.lastChild.className = "text";
      return row;
    }));
  }

  function drift(rows) {
    at("drift-section").hidden = rows.length < 2;
    if (rows.length < 2) return;
    const kinds = [...new Set(rows.flatMap((row) => Object.keys(row.levels)))];
    draw("chart-drift", kinds.map((kind, i) => ({ label: kind, stroke: lines[i % lines.length], dash: i < lines.length ? undefined : [4, 3] })),
      [rows.map((row) => row.time), ...kinds.map((kind) => rows.map((row) => row.levels[kind] ?? null))]);
  }

  function openElsewhere(data) {
    const others = Object.entries(data.open_alarms || {}).filter(([name]) => name && name !== data.shown);
    return others.length ? `and some in ${others.length} other series` : "missing, stuck or drifting sensors, and errors";
  }

  function spikes(data) {
    const found = data.points.filter((p) => p.alarm).reverse();
    at("spike-note").textContent = found.length
      ? `${found.length} among the ${data.points.length} newest forecast values; the newest first.`
      : "None among the forecasts shown.";
    at("spikes").hidden = !found.length;
    at("spikes").tBodies[0].replaceChildren(...found.slice(0, SHOWN_ALARMS).map((p) => {
      const row = document.createElement("tr");
      for (const text of [clock(p.time), clock(p.made_at), data.targets[p.target], number(p.last), number(p.forecast), number(p.truth)]) {
        row.insertCell().textContent = text;
      }
      return row;
    }));
  }

  function show(data) {
    newest = data;
    step = data.numbers_steps ? data.step_seconds : 0;
    seriesChoice(data.series, data.shown, data.open_alarms);
    charts.setZone(data.timezone);
    const unit = data.unit ? " " + data.unit : "", target = targets(data.targets);
    // Of several forecasts for one time the one with the shortest lead stands for it.
    const byTime = new Map();
    for (const p of data.points) if (p.target === target && !byTime.has(p.time)) byTime.set(p.time, p);
    const points = [...byTime.values()].sort((a, b) => a.time - b.time);
    at("title").textContent = `${data.model || "Model"} ${data.version} in service`;
    at("lede").textContent = `Champion${data.promoted ? " since " + data.promoted.slice(0, 16).replace("T", " ") + " UTC" : ""}; `
      + `forecasts ${data.targets.join(", ")}, ${data.lead}${data.horizon > 1 ? " to " + (data.lead + data.horizon - 1) : ""} steps of ${data.step} ahead.`;
    at("banner").hidden = !data.trouble;
    at("banner").textContent = data.trouble || "";
    const last = points.find((p) => p.made_at === data.newest);
    const error = points.map((p) => (p.truth == null ? null : Math.abs(p.forecast - p.truth)));
    const naive = points.map((p) => (p.truth == null ? null : Math.abs(p.last - p.truth)));
    const known = error.filter((v) => v != null).length;
    tiles([
      ["Newest forecast", last ? number(last.forecast) + unit : "–", last ? "for " + clock(last.time) : "none yet"],
      ["Mean absolute error", number(mean(error)) + unit, `persistence ${number(mean(naive))}${unit}, ${known} truths shown`],
      ["Truths in their interval", percent(data.intervals.observed), `nominal ${percent(data.intervals.nominal)}, ${data.intervals.truths} truths`],
      ["Open alarms", String(data.alarms.filter((alarm) => alarm.end == null).length), openElsewhere(data)],
      ["Spike alarms", String(data.points.filter((p) => p.alarm).length), `among ${data.points.length} forecast values`],
    ]);
    at("forecast-section").hidden = !points.length;
    at("error-section").hidden = !known;
    alarms(data);
    spikes(data);
    drift(data.drift);
    const time = column(points, "time");
    if (points.length) {
      at("forecast-note").textContent = `${data.targets[target]}${data.unit ? " in " + data.unit : ""}, times as in the data; the band is the ${percent(data.intervals.nominal)} interval.`;
      draw("chart-forecast", [
        { label: "Upper" }, { label: "Lower" }, { label: "Truth", stroke: "truth" }, { label: "Forecast", stroke: "forecast" },
      ], [time, ...["upper", "lower", "truth", "forecast"].map((key) => column(points, key))], [{ series: [1, 2] }]);
    }
    if (known) {
      at("error-note").textContent = `Mean of the newest ${SMOOTH} absolute errors${data.unit ? " in " + data.unit : ""}.`;
      draw("chart-error", [
        { label: "Model", stroke: "forecast" }, { label: "Persistence", stroke: "baseline" },
      ], [time, smoothed(error), smoothed(naive)]);
    }
    const names = data.weights.length ? Object.keys(data.weights[data.weights.length - 1].weights) : [];
    at("weights-section").hidden = !names.length;
    if (names.length) {
      draw("chart-weights", names.map((name, i) => ({ label: name, stroke: lines[i % lines.length], dash: i < lines.length ? undefined : [4, 3] })),
        [data.weights.map((w) => w.made_at), ...names.map((name) => data.weights.map((w) => w.weights[name] ?? null))]);
    }
  }

  async function ask(again = true) {
    try {
      const series = at("series").value, query = series ? "?series=" + encodeURIComponent(series) : "";
      const answer = await fetch("/v1/live" + query, { headers: token ? { Authorization: "Bearer " + token } : {}, cache: "no-store" });
      const data = await answer.json();
      if (!answer.ok) throw new Error(answer.status === 401 ? data.error + " Open this page as /#token=TOKEN." : data.error);
      show(data);
      document.body.dataset.state = "shown";
    } catch (error) {
      at("banner").hidden = false;
      at("banner").textContent = error.message;
      document.body.dataset.state = "failed";
    }
    if (again) setTimeout(ask, SECONDS * 1000);
  }
  ask();
})();
