// Warnings beside the numbers.

let averagedCells = null; // Cells of data sets by checkpoint and template.

// A warning stands beside the number that it weakens: one of all numbers of a line beside the first headline.
function homeOf({ metric }) {
  return numbers.headlines.includes(metric) ? metric : numbers.headlines[0];
}

// An average is no better than what it averages: it says how many of its data sets have warnings.
function inherited(cell, metric = null) {
  const { checkpoint, template, scope } = numbers.cells;
  if (scope[cell] === "dataset") return [];
  averagedCells ??= grouped(scope.keys(), (i) => (scope[i] === "dataset" ? `${checkpoint[i]} ${template[i]}` : null));
  const own = averagedCells.get(`${checkpoint[cell]} ${template[cell]}`) ?? [];
  const warned = own.map(warningsOf).map((each) => each.filter((warning) => !metric || homeOf(warning) === metric));
  const touched = warned.filter((each) => each.length).length;
  if (!touched) return [];
  const kinds = [...new Set(warned.flat().map(({ kind }) => kind))].join(", ");
  const verb = touched === 1 ? "has" : "have";
  const text = `${touched} of ${counted(own.length, "data set")} ${verb} warnings (${kinds}).`;
  return [{ cell, kind: "data sets", metric: null, text }];
}

function marker(metric, cell) {
  const own = warningsOf(cell).filter((warning) => homeOf(warning) === metric);
  const under = inherited(cell, metric);
  if (!own.length && !under.length) return null;
  const kinds = [...new Set(own.map((warning) => warning.kind)), ...under.map(({ text }) => text)].join(", ");
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
  const texts = el("td", { colspan: row.children.length }, warningList([...warningsOf(cell), ...inherited(cell)]));
  row.after(el("tr", { class: "detail" }, texts));
}

function warningList(warnings) {
  const item = ({ kind, metric, text, advice }) => {
    const about = metric ? ` (${numbers.metrics[metric]?.label ?? metric})` : "";
    return el("li", {}, el("strong", {}, `${kind}${about}: `), text, advice ? ` ${advice}` : "");
  };
  return el("ul", { class: "warning-list" }, ...warnings.map(item));
}
