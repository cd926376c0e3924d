// What the numbers can't say, a group a kind of warning.

const WARNINGS_SHOWN = 5;

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
  const items = warnings.slice(0, WARNINGS_SHOWN).map(warningItem);
  const list = el("ul", { class: "warning-list" }, ...items);
  const rest = warnings.slice(WARNINGS_SHOWN);
  const group = el("div", { class: "warning-group" }, el("h3", {}, `${capitalised(kind)} (${count(warnings.length)})`));
  group.append(...advice.map((text) => el("p", {}, text)), list);
  if (rest.length) group.append(restOfWarnings(rest));
  return group;
}

function restOfWarnings(rest) {
  const details = el("details", {}, el("summary", {}, `${count(rest.length)} more`));
  details.addEventListener("toggle", () => {
    if (details.children.length === 1) details.append(el("ul", { class: "warning-list" }, ...rest.map(warningItem)));
  });
  return details;
}

function warningItem({ cell, metric, text }) {
  const link = el("a", { href: "#overview", onclick: (event) => { event.preventDefault(); showLine(cell); } });
  link.append(cellName(cell));
  const about = metric ? `, ${numbers.metrics[metric]?.label ?? metric}` : "";
  return el("li", {}, link, `${about}: ${text}`);
}
