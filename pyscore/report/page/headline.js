// The two headline numbers of each checkpoint, on top of the page.

const HEADLINE_ROWS = 30;
const COVERAGE = "mean_coverage";

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
  rows.forEach((row, i) => { row.hidden = i >= HEADLINE_ROWS && !isLast(cells[i]); });
  const head = el("tr", {}, ...headlineColumns().map((column) => headCell(column, {}, null)));
  const table = el("table", { class: "headline" }, el("caption", {}, caption), el("thead", {}, head));
  table.append(el("tbody", {}, ...rows));
  stackable(table, headlineColumns());
  return [scrollBox(caption, table), ...moreRows(rows, HEADLINE_ROWS, "checkpoint"), warningCount()];
}

// On a phone a line of the table becomes a block: its cells need names of their own, and roles, which another layout would
// take from them.
function stackable(table, columns) {
  table.setAttribute("role", "table");
  table.querySelectorAll("thead, tbody").forEach((group) => group.setAttribute("role", "rowgroup"));
  for (const row of table.querySelectorAll("tr")) {
    row.setAttribute("role", "row");
    [...row.cells].forEach((cell, i) => {
      const kind = cell.tagName === "TD" ? "cell" : cell.scope === "col" ? "columnheader" : "rowheader";
      cell.setAttribute("role", kind);
      if (kind === "cell" && columns[i].key !== "cite") cell.dataset.label = columns[i].label;
      cell.classList.toggle("half", Boolean(columns[i].title));
    });
  }
}

// The largest model at its last step is what a reader looks for: its lines are shown in any case.
function isLast(cell) {
  return numbers.cells.checkpoint[cell] === lastCheckpoint();
}

function headlineColumns() {
  const { checkpoint, template, scope, dataset, n } = numbers.cells;
  const oneDataset = !scope.includes("pooled");
  return [
    { key: "checkpoint", label: "Checkpoint", cell: (i) => el("th", { scope: "row" }, checkpointName(checkpoint[i])) },
    hasTemplates() && { key: "template", label: "Template", cell: (i) => el("td", {}, templateName(template[i])) },
    oneDataset && { key: "dataset", label: "Data set", cell: (i) => el("td", {}, datasetLink(dataset[i])) },
    { key: "n", label: "n", numeric: true, cell: (i) => el("td", { class: "number" }, count(n[i])) },
    ...numbers.headlines.map((metric) => headlineColumn(metric, true)),
    numbers.metrics[COVERAGE] && headlineColumn(COVERAGE, false),
    { key: "cite", label: "Cite", cell: (i) => el("td", { class: "cite-cell" }, citeButton(i)) },
  ].filter(Boolean);
}

function headlineColumn(metric, bar) {
  return {
    key: metric,
    label: capitalised(numbers.metrics[metric].label),
    title: numbers.metrics[metric].definition,
    numeric: true,
    bar,
    cell: (i) => numberCell(metric, i, { bar, marker: marker(metric, i) }),
  };
}

// A button that shows the lines that were left out; they are printed in any case.
function moreRows(rows, limit, unit) {
  if (rows.length <= limit) return [];
  const hidden = rows.filter((row) => row.hidden);
  const show = button(`Show all ${counted(rows.length, unit)}`, () => {
    hidden.forEach((row) => { row.hidden = false; });
    hidden[0]?.querySelector("a, button")?.focus();
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

