// What the numbers can't say, a group a kind of warning. A sentence is said once, with the figures of each line below it.

const WARNINGS_SHOWN = 5;
const FIGURE = /less than \d[\d.,]*\s?%|\d[\d,]*(?:\.\d+)?(?:\s?%)?/g;
const LOW_IS_WORSE = /coverage|clusters/;

function drawWarnings(body) {
  const groups = grouped(numbers.warnings, (warning) => warning.kind);
  if (!groups.size) {
    body.replaceChildren(note("There are no warnings."));
    return;
  }
  const largestFirst = [...groups].sort(([, a], [, b]) => b.length - a.length);
  body.replaceChildren(...largestFirst.map(([kind, warnings]) => warningGroup(kind, warnings)));
}

function warningGroup(kind, warnings) {
  const advice = [...new Set(warnings.map((warning) => warning.advice).filter(Boolean))];
  const alike = grouped(warnings, ({ metric, text }) => `${metric}\n${text.replace(FIGURE, "…")}`);
  const heading = el("h3", {}, `${capitalised(kind)} (${counted(new Set(warnings.map(({ cell }) => cell)).size, "line")})`);
  const group = el("div", { class: "warning-group" }, heading);
  group.append(...[...alike.values()].flatMap((own) => sameWarnings(kind, own)));
  group.append(...advice.map((text) => el("p", { class: "advice" }, ...inCode(text))));
  return group;
}

// Warnings of one sentence, the worst first; figures that differ are left out of the sentence and stand in the table.
function sameWarnings(kind, warnings) {
  const figures = warnings.map(({ text }) => text.match(FIGURE) ?? []);
  const differs = figures[0].map((each, i) => figures.some((own) => own[i] !== each));
  let at = -1;
  const said = warnings[0].text.replace(FIGURE, (own) => { at += 1; return differs[at] ? "…" : own; });
  const rows = warnings.map((warning, i) => ({ cell: warning.cell, figures: figures[i] }));
  const worst = sorted(rows, (row) => severity(kind, row.figures), true);
  const { metric } = warnings[0];
  const label = metric ? numbers.metrics[metric]?.label ?? metric : "";
  const about = said.includes(label) ? "" : ` (${label})`;
  const sentence = el("p", {}, ...inCode(said), about);
  const rest = worst.slice(WARNINGS_SHOWN);
  const table = (own) => warningTable(kind, own, differs);
  return [sentence, table(worst.slice(0, WARNINGS_SHOWN)), rest.length ? restOfWarnings(rest, table) : null].filter(Boolean);
}

// How bad the figures of a sentence are: of a range its width, of "n of N" its share, else the first of them.
function severity(kind, figures) {
  const [a, b] = figures.map((each) => (each.startsWith("less") ? 0 : Number(each.replace(/[,%\s]/g, ""))));
  if (a === undefined) return 0;
  if (LOW_IS_WORSE.test(kind)) return -a;
  if (kind === "templates disagree") return b - a;
  return b ? a / b : a;
}

function warningTable(kind, rows, differs) {
  const hasFigures = differs.some(Boolean);
  const head = [el("th", { scope: "col" }, "Line"), hasFigures ? el("th", { scope: "col", class: "number" }, "Figures (…)") : null];
  const lines = rows.map(({ cell, figures }) => el("tr", {},
    el("th", { scope: "row" }, lineLink(cell)),
    hasFigures ? el("td", { class: "number" }, figures.filter((_, i) => differs[i]).join(", ")) : null));
  const caption = `${capitalised(kind)}: ${hasFigures ? "figures by line, worst first" : "lines"}`;
  const table = el("table", { class: "warned" }, el("caption", {}, caption), el("thead", {}, el("tr", {}, ...head)));
  table.append(el("tbody", {}, ...lines));
  return scrollBox(caption, table);
}

function restOfWarnings(rest, table) {
  const details = el("details", {}, el("summary", {}, `${count(rest.length)} more`));
  details.addEventListener("toggle", () => {
    if (details.children.length === 1) details.append(table(rest));
  });
  return details;
}

function lineLink(cell) {
  const open = (event) => { event.preventDefault(); showLine(cell); };
  return el("a", { href: "#overview", onclick: open }, cellName(cell));
}

// What stands between backticks is something to type.
function inCode(text) {
  return text.split("`").map((part, i) => (i % 2 ? el("code", {}, part) : part));
}
