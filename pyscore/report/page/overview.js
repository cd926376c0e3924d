// Every line of the study in one table.

const OWN_COLUMNS = ["mean_coverage", "tie_rate"]; // Shown beside the headlines from the start, where there are any.

let overview = null;

function drawOverview(body) {
  const lines = allLines();
  const table = dataTable({ caption: "Every number of the study", columns: [], rows: lines });
  const filter = lineFilter(lines, table);
  const columns = columnControl(lines, table);
  overview = { lines, table, filter };
  document.getElementById("headline").replaceChildren(...headline());
  document.getElementById("overview").dataset.drawn = "true";
  body.replaceChildren(el("h3", {}, "All lines"), filter.element, columns, filter.said, table.element);
}

// Lines.

function allLines() {
  const { checkpoint, template, scope, dataset, n } = numbers.cells;
  const lines = n.map((_, i) => ({
    cell: i,
    checkpoint: checkpoint[i],
    template: template[i],
    scope: scope[i],
    dataset: dataset[i],
    warnings: warningsOf(i).length,
    text: cellName(i).toLowerCase(),
  }));
  const ranks = ({ checkpoint: c, template: t, scope: s, cell }) => [c, t, scopeRank(s), cell];
  return lines.sort((a, b) => compareRanks(ranks(a), ranks(b)));
}

// Filters.

function lineFilter(lines, table) {
  const said = status();
  const wanted = { text: "", checkpoint: null, template: null, scope: null, warned: false, apart: false };
  const element = el("div");
  const apply = () => {
    const kept = lines.filter((line) => matches(line, wanted));
    table.setRows(kept);
    said.textContent = `${count(kept.length)} of ${counted(lines.length, "line")}`;
  };
  const set = (name) => (value) => { wanted[name] = value; apply(); };
  const reset = () => {
    Object.assign(wanted, { text: "", checkpoint: null, template: null, scope: null, warned: false, apart: false });
    element.replaceChildren(filterControls(wanted, set, reset));
    apply();
  };
  reset();
  return { element, said, reset, set };
}

function filterControls(wanted, set, reset) {
  const scopes = [[null, "all"], ["dataset", "data sets"], ["pooled", "pooled"], ["macro", "macro"]];
  const templates = [[null, "all"], ...numbers.templates.map((_, i) => [i, templateName(i)])];
  return controls(
    "Filter lines",
    searchField("Search checkpoint, template or data set", set("text")),
    checkpointPicker("Checkpoint", wanted.checkpoint, set("checkpoint"), "all"),
    hasTemplates() ? picker("Template", templates, wanted.template, set("template")) : null,
    picker("Scope", scopes, wanted.scope, set("scope")),
    checkbox("only with warnings", wanted.warned, set("warned")),
    checkbox("the two numbers tell different stories", wanted.apart, set("apart")),
    button("Reset", () => { reset(); document.querySelector("#overview input").focus(); }),
  );
}

function matches(line, { text, checkpoint, template, scope, warned, apart }) {
  return (
    (checkpoint === null || line.checkpoint === checkpoint) &&
    (template === null || line.template === template) &&
    (scope === null || line.scope === scope) &&
    (!warned || line.warnings > 0) &&
    (!apart || ["opposite sides", "lean apart"].includes(story(line.cell))) &&
    text.toLowerCase().split(/\s+/).every((word) => line.text.includes(word))
  );
}

// Columns that not every reader needs.

function columnControl(lines, table) {
  const { cells, headlines, metrics } = numbers;
  const some = (values) => values.some((value) => value !== null);
  const optional = [
    some(cells.n_clusters) && [countColumn("n_clusters", "Clusters", cells.n_clusters), false],
    some(cells.n_skipped) && [countColumn("n_skipped", "Skipped", cells.n_skipped), false],
    ...Object.keys(metrics)
      .filter((metric) => !headlines.includes(metric))
      .map((metric) => [metricColumn(metric), OWN_COLUMNS.includes(metric) && isTold(metric)]),
    ...headlines
      .filter((metric) => some(cells.metrics[metric].template_min))
      .map((metric) => [rangeColumn(metric), false]),
  ].filter(Boolean);
  const shown = new Set(optional.filter(([, isShown]) => isShown).map(([column]) => column.key));
  const apply = () => table.setColumns([
    ...placeColumns(),
    countColumn("n", "n", cells.n),
    ...headlines.map(metricColumn),
    ...optional.map(([column]) => column).filter((column) => shown.has(column.key)),
    citeColumn,
  ]);
  apply();
  const boxes = optional.map(([column]) =>
    checkbox(column.label, shown.has(column.key), (on) => { shown[on ? "add" : "delete"](column.key); apply(); }),
  );
  return el("details", { class: "columns" }, el("summary", {}, "Columns"), controls("Columns shown", ...boxes));
}

// Ties are shown where there are any.
function isTold(metric) {
  return numbers.cells.metrics[metric].value.some((value) => value !== null && value !== 0);
}

// Shows one line of the table, wherever it stands, and puts the focus on it.
function showLine(cell) {
  overview.filter.reset();
  const row = overview.table.reveal(overview.lines.find((line) => line.cell === cell));
  const toggle = row.querySelector(".marker");
  if (toggle) toggleWarnings(toggle, cell);
  row.classList.add("found");
  row.scrollIntoView({ block: "center", inline: "start" });
  (toggle ?? row.querySelector("a, button")).focus({ preventScroll: true });
}
