// The columns of tables of lines.

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
    bar: isHeadline,
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
