// What was measured, the two headline numbers, and every line of the study in one table.

const HEADLINE_ROWS = 12;
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

// Headline.

function headlineCells() {
  const { scope } = numbers.cells;
  const wanted = scope.includes("pooled") ? "pooled" : "dataset";
  return scope.map((_, i) => i).filter((i) => scope[i] === wanted);
}

function headline() {
  const cells = headlineCells();
  const averaged = numbers.cells.scope.includes("pooled") ? " over all questions of all data sets (pooled)" : "";
  const caption = `The two headline numbers of each checkpoint${averaged}`;
  const rows = cells.map((cell) => tableRow(cell, headlineColumns()));
  rows.slice(HEADLINE_ROWS).forEach((row) => { row.hidden = true; });
  const head = el("tr", {}, ...headlineColumns().map((column) => headCell(column, {}, null)));
  const table = el("table", { class: "headline" }, el("caption", {}, caption), el("thead", {}, head));
  table.append(el("tbody", {}, ...rows));
  return [scrollBox(caption, table), ...moreRows(rows, HEADLINE_ROWS, "line"), warningCount()];
}

function headlineColumns() {
  const { checkpoint, template, scope, dataset, n } = numbers.cells;
  const oneDataset = !scope.includes("pooled");
  return [
    { key: "checkpoint", label: "Checkpoint", cell: (i) => el("th", { scope: "row" }, checkpointName(checkpoint[i])) },
    hasTemplates() && { key: "template", label: "Template", cell: (i) => el("td", {}, templateName(template[i])) },
    oneDataset && { key: "dataset", label: "Data set", cell: (i) => el("td", {}, datasetLink(dataset[i])) },
    { key: "n", label: "n", numeric: true, cell: (i) => el("td", { class: "number" }, count(n[i])) },
    ...numbers.headlines.map((metric) => ({
      key: metric,
      label: capitalised(numbers.metrics[metric].label),
      numeric: true,
      cell: (i) => numberCell(metric, i, { bar: true }),
    })),
    { key: "cite", label: "Cite", cell: (i) => el("td", { class: "cite-cell" }, citeButton(i)) },
  ].filter(Boolean);
}

// A button that shows the lines that were left out; they are printed in any case.
function moreRows(rows, limit, unit) {
  if (rows.length <= limit) return [];
  const show = button(`Show all ${counted(rows.length, unit)}`, () => {
    rows.forEach((row) => { row.hidden = false; });
    rows[limit].querySelector("a, button")?.focus();
    show.remove();
  }, { class: "more" });
  return [show];
}

function warningCount() {
  const n = numbers.warnings.length;
  if (!n) return el("p", { class: "warning-count" }, "No warnings.");
  const link = el("a", { href: "#warnings" }, counted(n, "warning"));
  return el("p", { class: "warning-count" }, link, " on what these numbers can and can't say.");
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

function compareRanks(a, b) {
  const first = a.findIndex((rank, i) => rank !== b[i]);
  return first < 0 ? 0 : a[first] - b[first];
}

function placeColumns() {
  return [
    {
      key: "checkpoint",
      label: "Checkpoint",
      sort: (line) => line.checkpoint,
      title: "In the order of the study",
      cell: (line) => el("td", { class: "name" }, checkpointName(line.checkpoint)),
    },
    hasTemplates() && {
      key: "template",
      label: "Template",
      sort: (line) => templateName(line.template),
      cell: (line) => el("td", { class: "name" }, templateName(line.template)),
    },
    {
      key: "dataset",
      label: "Data set",
      sort: (line) => scopeName(line.scope, line.dataset),
      cell: (line) => el("th", { scope: "row" }, scopeLabel(line.scope, line.dataset)),
    },
  ].filter(Boolean);
}

function countColumn(key, label, values) {
  return {
    key,
    label,
    numeric: true,
    sort: (line) => values[line.cell],
    cell: (line) => el("td", { class: "number" }, count(values[line.cell])),
  };
}

function metricColumn(metric) {
  const { label, definition, unit } = numbers.metrics[metric];
  const isHeadline = numbers.headlines.includes(metric);
  return {
    key: metric,
    label: unit && unit !== "share" ? `${capitalised(label)} (${unit})` : capitalised(label),
    title: definition,
    numeric: true,
    sort: (line) => estimate(metric, line.cell).value,
    cell: (line) => numberCell(metric, line.cell, { bar: isHeadline, marker: marker(metric, line.cell) }),
  };
}

function rangeColumn(metric) {
  const { label, unit } = numbers.metrics[metric];
  const width = ({ smallest, largest }) => (smallest === null || largest === null ? null : largest - smallest);
  const text = ({ smallest, largest }) =>
    smallest === null || largest === null ? "–" : `${number(smallest, unit)} to ${number(largest, unit)}`;
  return {
    key: `${metric}-range`,
    label: `${capitalised(label)}: over templates`,
    title: "The smallest and the largest value over the templates",
    numeric: true,
    sort: (line) => width(estimate(metric, line.cell)),
    cell: (line) => el("td", { class: "number" }, text(estimate(metric, line.cell))),
  };
}

const warningColumn = {
  key: "warnings",
  label: "Warnings",
  numeric: true,
  sort: (line) => line.warnings,
  cell: (line) => {
    const none = el("span", { class: "none" }, "0");
    return el("td", { class: "number" }, line.warnings ? warningToggle(line.cell, count(line.warnings)) : none);
  },
};

const citeColumn = {
  key: "cite",
  label: "Cite",
  cell: (line) => el("td", { class: "cite-cell" }, citeButton(line.cell)),
};

// Warnings beside the numbers.

function marker(metric, cell) {
  const own = warningsOf(cell).filter((warning) => warning.metric === metric);
  if (!own.length) return null;
  const kinds = [...new Set(own.map((warning) => warning.kind))].join(", ");
  return warningToggle(cell, "!", `Warning about ${numbers.metrics[metric].label}: ${kinds}`, "marker");
}

// Opens a line under its own with the texts of its warnings: what is only said on hover is not said to all.
function warningToggle(cell, text, name = null, kind = "open-warnings") {
  const label = name ?? `${counted(warningsOf(cell).length, "warning")} of ${cellName(cell)}`;
  const toggle = button(text, () => toggleWarnings(toggle, cell), { class: kind, "aria-label": label });
  toggle.setAttribute("aria-expanded", "false");
  return toggle;
}

function toggleWarnings(toggle, cell) {
  const row = toggle.closest("tr");
  const open = row.nextElementSibling?.classList.contains("detail");
  row.querySelectorAll("[aria-expanded]").forEach((each) => each.setAttribute("aria-expanded", String(!open)));
  if (open) {
    row.nextElementSibling.remove();
    return;
  }
  const texts = el("td", { colspan: row.children.length }, warningList(warningsOf(cell)));
  row.after(el("tr", { class: "detail" }, texts));
}

function warningList(warnings) {
  const item = ({ kind, metric, text, advice }) => {
    const about = metric ? ` (${numbers.metrics[metric]?.label ?? metric})` : "";
    return el("li", {}, el("strong", {}, `${kind}${about}: `), text, advice ? ` ${advice}` : "");
  };
  return el("ul", { class: "warning-list" }, ...warnings.map(item));
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
      .map((metric) => [metricColumn(metric), OWN_COLUMNS.includes(metric)]),
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
    warningColumn,
    citeColumn,
  ]);
  apply();
  const boxes = optional.map(([column]) =>
    checkbox(column.label, shown.has(column.key), (on) => { shown[on ? "add" : "delete"](column.key); apply(); }),
  );
  return el("details", { class: "columns" }, el("summary", {}, "Columns"), controls("Columns shown", ...boxes));
}

// Shows one line of the table, wherever it stands, and puts the focus on it.
function showLine(cell) {
  overview.filter.reset();
  const row = overview.table.reveal(overview.lines.find((line) => line.cell === cell));
  const toggle = row.querySelector(".open-warnings");
  if (toggle) toggleWarnings(toggle, cell);
  row.classList.add("found");
  row.scrollIntoView({ block: "center", inline: "start" });
  (toggle ?? row.querySelector("a, button")).focus({ preventScroll: true });
}
