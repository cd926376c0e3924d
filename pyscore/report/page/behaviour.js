// Curves over training steps and model sizes: one chart a data set, drawn when it comes near the view.

const PANELS_SHOWN = 12;

function drawBehaviour(body) {
  if (!numbers.curves.length) {
    const none = note("No checkpoints of one family differ in size or step alone, so there is no curve.");
    body.replaceChildren(none, ...curveNotes());
    return;
  }
  const axes = [...new Set(numbers.curves.map((curve) => curve.x))].sort().reverse();
  const picked = { metric: numbers.headlines[0], x: axes[0], template: firstTemplate(), text: "", verdict: null };
  const shown = { panels: el("div", { class: "panels" }), more: el("div"), said: status() };
  const update = () => drawPanels(shown, picked);
  const set = (name) => (value) => { picked[name] = value; update(); };
  body.replaceChildren(behaviourControls(picked, axes, set), shown.said, shown.panels, shown.more, ...curveNotes());
  update();
}

function firstTemplate() {
  return Math.min(...numbers.curves.map((curve) => curve.template));
}

function behaviourControls(picked, axes, set) {
  const metrics = [...new Set(numbers.curves.map((curve) => curve.metric))];
  const verdicts = [...new Set(numbers.curves.map((curve) => curve.trend.verdict))];
  const choices = [[null, "all"], ...verdicts.map((verdict) => [verdict, verdict])];
  return controls(
    "Pick curves",
    picker("Number", metrics.map((metric) => [metric, numbers.metrics[metric].label]), picked.metric, set("metric")),
    axes.length > 1 ? picker("Over", axes.map((x) => [x, x]), picked.x, set("x")) : null,
    templatePicker(picked.template, set("template")),
    picker("Verdict", choices, picked.verdict, set("verdict")),
    searchField("Search data set", set("text")),
  );
}

function curveNotes() {
  return numbers.curve_notes.map((text) => note(text));
}

function panelsOf({ metric, x, template, text, verdict }) {
  const curves = numbers.curves.filter((c) => c.metric === metric && c.x === x && c.template === template);
  const panels = [...grouped(curves, ({ scope, dataset }) => `${scope} ${dataset}`).values()];
  return panels
    .filter((own) => scopeName(own[0].scope, own[0].dataset).toLowerCase().includes(text.trim().toLowerCase()))
    .filter((own) => verdict === null || own.some((curve) => curve.trend.verdict === verdict))
    .sort(([a], [b]) => scopeRank(a.scope) - scopeRank(b.scope) || a.dataset - b.dataset);
}

function drawPanels({ panels, more, said }, picked) {
  const all = panelsOf(picked);
  panels.replaceChildren();
  const show = (limit) => {
    const from = panels.children.length;
    panels.append(...all.slice(from, limit).map((curves) => panel(curves, picked)));
    const shown = panels.children.length;
    said.textContent = `${count(shown)} of ${counted(all.length, "chart")}`;
    const next = button(`Show ${Math.min(PANELS_SHOWN, all.length - shown)} more`, () => {
      show(shown + PANELS_SHOWN);
      panels.children[shown].querySelector("h3").focus();
    });
    more.replaceChildren(...(shown < all.length ? [next] : []));
  };
  show(PANELS_SHOWN);
}

function panel(curves, { metric, x }) {
  const title = scopeName(curves[0].scope, curves[0].dataset);
  const chart = el("div", { class: "drawing" });
  const name = `${capitalised(numbers.metrics[metric].label)} over ${x}, ${title}`;
  const heading = el("h3", { tabindex: "-1" }, scopeLabel(curves[0].scope, curves[0].dataset));
  const rows = curves.flatMap((curve) => curveRows(curve, title));
  whenNear(chart, () => draw(chart, "behaviour", rows, { name, adapt: (spec) => setAxes(spec, metric, x, rows) }));
  return el("article", { class: "panel" }, heading, chart, ...curves.map((curve) => verdictText(curve, curves.length)));
}

function curveName({ family, series }) {
  const families = new Set(numbers.curves.map((curve) => curve.family));
  return [families.size > 1 ? family : "", series].filter(Boolean).join(", ");
}

// 8.1e8 is 810M, 5.2e10 is 52B.
function sizeText(size) {
  const [factor, unit] = [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]].find(([each]) => size >= each) ?? [1, ""];
  return `${Number((size / factor).toPrecision(3))}${unit}`;
}

// One specification serves every metric, and sizes as well as steps: sizes lie on a logarithmic axis.
function setAxes({ encoding }, metric, x, rows) {
  const { label, unit } = numbers.metrics[metric];
  encoding.y.title = unit && unit !== "share" ? `${label} (${unit})` : label;
  encoding.x.title = x === "step" ? "training step" : "size (parameters)";
  if (x !== "size") return;
  const values = [...new Set(rows.map((row) => row.x))];
  encoding.x.scale = { ...encoding.x.scale, type: "log" };
  encoding.x.axis = { ...encoding.x.axis, values };
}

function verdictText(curve, all) {
  const { verdict, text, shape } = curve.trend;
  const which = all > 1 && curveName(curve) ? `${curveName(curve)}: ` : "";
  const form = shape && !text.includes(shape) ? ` Shape: ${shape}.` : "";
  const sentence = which ? which + text : capitalised(text);
  return el("p", { class: "verdict", "data-verdict": verdict }, `${sentence.replace(/\.$/, "")}.${form}`);
}

// The band holds all points of a curve at once; it stands in the place of each point's own interval.
function curveRows(curve, title) {
  return curve.checkpoints.map((checkpoint, i) => {
    const cell = findCell(checkpoint, curve.template, curve.scope, curve.dataset);
    return {
      panel: title,
      series: curveName(curve),
      series_value: curve.series_value,
      x: numbers.checkpoints[checkpoint][curve.x],
      value: cell === null ? null : estimate(curve.metric, cell).value,
      low: curve.band_low[i],
      high: curve.band_high[i],
      n: cell === null ? null : numbers.cells.n[cell],
      checkpoint: checkpointName(checkpoint),
    };
  });
}
