/* Shows the OpenAPI document route by route, with an example to send. */
(() => {
  "use strict";
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  const headers = token ? { Authorization: "Bearer " + token } : {};
  const make = (kind, text, css) => {
    const made = document.createElement(kind);
    if (text != null) made.textContent = text;
    if (css) made.className = css;
    return made;
  };

  function answers(responses) {
    const table = make("table");
    for (const [status, one] of Object.entries(responses)) {
      const row = table.insertRow();
      row.insertCell().textContent = status;
      row.insertCell().textContent = one.description;
      row.insertCell().textContent = Object.keys(one.content || {}).join(", ");
    }
    return table;
  }

  function sender(path, method, example) {
    const box = make("div"), button = make("button", "Send"), shown = make("pre");
    const body = example && make("textarea", JSON.stringify(example, null, 1).replace(/\[\s+(-?[\d.,\s-]+?)\s+\]/g, (all, inner) => "[" + inner.replace(/\s+/g, " ") + "]"));
    shown.hidden = true;
    if (body) {
      body.rows = Math.min(14, body.value.split("\n").length);
      body.setAttribute("aria-label", "Body of the request");
      box.append(body);
    }
    button.onclick = async () => {
      shown.hidden = false;
      try {
        const sent = { method: method.toUpperCase(), headers: { ...headers, ...(body ? { "Content-Type": "application/json" } : {}) } };
        const answer = await fetch(path, body ? { ...sent, body: body.value } : sent);
        const text = await answer.text();
        let content = text;
        try { content = JSON.stringify(JSON.parse(text), null, 2); } catch { /* plain text */ }
        shown.textContent = answer.status + "\n" + content.slice(0, 20000);
      } catch (error) {
        shown.textContent = error.message;
      }
    };
    box.append(button, shown);
    return box;
  }

  // An example that the model in service would answer, where one is known.
  async function examples() {
    const answer = await fetch("/v1/models", { headers });
    const wanted = answer.ok && (await answer.json()).input;
    if (!wanted) return {};
    const rows = Array.from({ length: wanted.rows }, () => wanted.features.map(() => 1));
    const time = "2024-01-31T13:45:00";
    return {
      "/v1/forecast": { features: wanted.features, windows: [{ time, values: rows }] },
      "/v1/observe": { rows: [{ time, values: Object.fromEntries(wanted.targets.map((name) => [name, 1])) }] },
    };
  }

  async function show() {
    const api = await (await fetch("/openapi.json")).json();
    const known = await examples();
    for (const [path, methods] of Object.entries(api.paths)) {
      for (const [method, route] of Object.entries(methods)) {
        const section = make("section"), title = make("h2");
        title.append(make("code", `${method.toUpperCase()} ${path}`));
        section.append(title, make("p", route.summary, "note"));
        if (route.description) section.append(make("p", route.description, "note"));
        const content = route.requestBody && route.requestBody.content["application/json"];
        section.append(sender(path, method, content && (known[path] || content.example)), make("p", "Answers", "note"), answers(route.responses));
        document.getElementById("routes").append(section);
      }
    }
    document.body.dataset.state = "shown";
  }
  show();
})();
