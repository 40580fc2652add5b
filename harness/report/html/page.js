"use strict";
(() => {
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const SHORT = 20;
  const collator = new Intl.Collator("en", { numeric: true });
  root.classList.add("js");

  // ---- theme: the system's until the button is pressed
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches);
  const button = byId("theme");
  const showTheme = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-pressed", String(isDark()));
    paint();
  };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    showTheme();
  });
  prefersDark.addEventListener("change", showTheme);

  // ---- the table: sorted by a click on a head, filtered by text and verdict, short until asked for all
  const body = byId("ranking").tBodies[0];
  const rows = [...body.rows];
  const titles = [...byId("ranking").tHead.rows[0].cells].map((head) => head.textContent);
  rows.forEach((row) => [...row.cells].slice(2).forEach((cell, i) => cell.setAttribute("data-of", titles[i + 2])));
  const ranks = new Map(rows.map((row, rank) => [row, rank]));
  const places = rows.map((row) => Number(row.cells[0].firstElementChild.dataset.e));
  const names = [];
  rows.forEach((row, rank) => (names[places[rank]] = row.cells[0].textContent));
  let asked = rows.length <= SHORT + 5;
  const number = (cell) => {
    const found = parseFloat(cell.dataset.n ?? cell.textContent.replaceAll(",", ""));
    return Number.isNaN(found) ? -Infinity : found;
  };
  const show = () => {
    const text = byId("find").value.trim().toLowerCase();
    const verdict = byId("verdicts").value;
    let found = 0;
    for (const row of [...body.rows]) {
      const fits = (!verdict || row.classList.contains(`is-${verdict}`)) && row.cells[0].textContent.toLowerCase().includes(text);
      row.hidden = !fits;
      found += fits;
      row.classList.toggle("more", fits && !asked && found > SHORT);
    }
    byId("all").hidden = asked || found <= SHORT;
    byId("all").textContent = `Show all ${found}`;
    byId("found").textContent = found === rows.length ? "" : `${found} of ${rows.length}`;
  };
  byId("find").addEventListener("input", show);
  byId("verdicts").addEventListener("change", show);
  byId("all").addEventListener("click", () => {
    asked = true;
    show();
  });
  const heads = [...byId("ranking").tHead.rows[0].cells];
  const LASTS = 5;
  const keyOf = (row, column) => {
    if (column === 0) return row.cells[0].textContent;
    if (column === 1) return ranks.get(row);
    // What lasts longest grows least.
    return column === LASTS ? -number(row.cells[LASTS - 1]) : number(row.cells[column]);
  };
  heads.forEach((head, column) => {
    head.firstElementChild.addEventListener("click", () => {
      const first = column < 2 ? "ascending" : "descending";
      const order = head.ariaSort === first ? (first === "ascending" ? "descending" : "ascending") : first;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const compare = column === 0 ? collator.compare : (a, b) => a - b || 0;
      body.append(...rows.map((row) => [keyOf(row, column), row]).sort((a, b) => sign * compare(a[0], b[0])).map((pair) => pair[1]));
      show();
    });
  });
  show();

  // A table that is laid out as cards on a phone stays a table to a screen reader.
  byId("ranking").setAttribute("role", "table");
  const roles = { THEAD: "rowgroup", TBODY: "rowgroup", TR: "row", TD: "cell" };
  for (const element of byId("ranking").querySelectorAll("thead, tbody, tr, td, th")) {
    element.setAttribute("role", roles[element.tagName] || (element.scope === "col" ? "columnheader" : "rowheader"));
  }

  // ---- charts
  const UNITS = [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10], ["B", 1]];
  const unitOf = (bytes) => UNITS.find((unit) => Math.abs(bytes) >= unit[1]) || UNITS[3];
  const sizeText = (bytes) => {
    const [unit, factor] = unitOf(bytes);
    return `${(bytes / factor).toLocaleString("en", { maximumSignificantDigits: 3 })} ${unit}`;
  };
  const probe = document.body.appendChild(document.createElement("span"));
  probe.hidden = true;
  const colour = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  let models = [];
  const tagged = { event: "leak", fit: "accent", limits: "accent", threshold: "soft", points: "ink" };
  const colourOf = (tag) => colour(tagged[tag] || tag.replace("line-", ""));

  function paint() {
    if (!models.length) return;
    const [soft, line, card] = ["soft", "line", "card"].map(colour);
    const font = getComputedStyle(document.body).fontFamily;
    for (const model of models) {
      if (model.type === "LinearAxis") {
        model.setv({
          axis_line_color: line, major_tick_line_color: line, minor_tick_line_color: null,
          major_label_text_color: soft, axis_label_text_color: soft, axis_label_text_font_style: "normal",
          major_label_text_font: font, axis_label_text_font: font,
          major_label_text_font_size: "12px", axis_label_text_font_size: "12px",
        });
      } else if (model.type === "Grid") {
        model.setv({ grid_line_color: line, grid_line_alpha: 0.7 });
      } else if (model.type === "GlyphRenderer" && model.tags.length) {
        const own = colourOf(model.tags[0]);
        const band = model.tags[0].startsWith("band-");
        const glyph = model.glyph;
        if (glyph.type === "VStrip") glyph.setv({ fill_color: own, fill_alpha: band ? 0.3 : 1, line_color: null });
        else if (glyph.type === "VArea") glyph.setv({ fill_color: own });
        else if (glyph.type === "Scatter") glyph.setv({ line_color: card, fill_color: own });
        else glyph.setv({ line_color: own });
      }
    }
  }

  const nameOf = (place) => (place === -1 ? "several endpoints" : place === -2 ? "the realistic mix" : names[place]);
  function nameBands() {
    for (const model of models) {
      if (model.type === "ColumnDataSource" && model.tags.includes("bands")) {
        const columns = model.data;
        const said = Array.from(columns.endpoint, (place, i) => `${nameOf(place)}, ${columns.requests[i].toLocaleString("en")} requests`);
        const kept = Array.from(columns.kept, (bytes) => (Number.isNaN(bytes) ? "not known" : sizeText(bytes)));
        model.data = { ...columns, said, kept_text: kept };
      } else if (model.name === "events") {
        model.data = { ...model.data, said: data.events.slice(0, model.data.time.length) };
      }
    }
  }

  function showGrowth(place) {
    const [requests, kept] = data.growths[place] || [[], []];
    const [slope, low, high, sentence] = data.facts[place];
    const end = requests.length ? requests[requests.length - 1] : 0;
    const limit = high === null ? 0 : high;
    const [unit, factor] = unitOf(Math.max(...kept.map(Math.abs), end * Math.abs(slope || 0), 1));
    const ends = slope === null || !end ? [] : [0, end];
    const line = (perRequest) => ends.map((at) => (at * perRequest) / factor);
    const model = (name) => models.find((found) => found.name === name);
    model("growth-points").data = {
      requests, kept: kept.map((bytes) => bytes / factor), kept_text: kept.map(sizeText),
    };
    model("growth-fit").data = {
      requests: ends, mean: line(slope), low: line(low === null ? 0 : low), high: line(limit),
      threshold: data.threshold ? line(data.threshold) : ends.map(() => NaN),
    };
    model("growth-axis").axis_label = `kept (${unit})`;
    byId("growth-told").textContent = requests.length ? sentence : `${sentence} There is no window to draw.`;
  }

  async function draw() {
    const drawn = new Set(Object.values(data.roots));
    const item = { docid: "0", roots: data.roots, root_ids: Object.keys(data.roots) };
    await Bokeh.embed.embed_items({ 0: data.document }, [item]);
    models = [...Bokeh.documents[0].all_models];
    nameBands();
    paint();
    if (matchMedia("(pointer: fine)").matches) {
      models.filter((model) => model.type === "BoxZoomTool").forEach((tool) => (tool.active = true));
    }
    if (drawn.has("chart-growth")) {
      const select = byId("endpoint");
      select.append(...places.map((place) => new Option(names[place], place)));
      select.addEventListener("change", () => showGrowth(Number(select.value)));
      showGrowth(places[0]);
      body.addEventListener("click", (event) => {
        const link = event.target.closest("a[data-e]");
        if (!link) return;
        select.value = link.dataset.e;
        showGrowth(Number(link.dataset.e));
      });
    }
    root.dataset.drawn = "true";
  }
  // ---- paper has another width than the screen, and is light: the charts are printed as pictures of what they show
  addEventListener("beforeprint", () => {
    for (const [model, place] of Object.entries(data.roots)) {
      const view = typeof Bokeh === "undefined" ? null : Bokeh.index.get_by_id(model);
      if (!view) continue;
      const { canvas } = view.export("png", true);
      canvas.className = isDark() ? "inverted" : "";
      byId(place).append(canvas);
    }
  });
  addEventListener("afterprint", () => document.querySelectorAll(".chart > canvas").forEach((canvas) => canvas.remove()));

  showTheme();
  if (data.document) draw();
})();
