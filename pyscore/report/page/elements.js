// Elements. Text of data is only ever set as text: no function here reads markup.

function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function button(text, onclick, attributes = {}) {
  return el("button", { type: "button", onclick, ...attributes }, text);
}

// A labelled select. Options are [value, text]; `onPick` gets the value as it was given.
function picker(label, options, picked, onPick) {
  const select = el("select", {
    onchange: () => onPick(options[select.selectedIndex][0]),
  });
  for (const [value, text] of options) {
    const option = el("option", {}, text);
    option.selected = value === picked;
    select.append(option);
  }
  return el("label", { class: "field" }, el("span", {}, label), select);
}

function checkpointPicker(label, picked, onPick, none = null) {
  const options = numbers.checkpoints.map((checkpoint, i) => [i, checkpoint.name]);
  return picker(label, none === null ? options : [[null, none], ...options], picked, onPick);
}

function templatePicker(picked, onPick) {
  if (!hasTemplates()) return null;
  return picker("Template", numbers.templates.map((_, i) => [i, templateName(i)]), picked, onPick);
}

function searchField(label, onInput) {
  const input = el("input", { type: "search", autocomplete: "off", oninput: () => onInput(input.value) });
  return el("label", { class: "field" }, el("span", {}, label), input);
}

function checkbox(label, checked, onChange, attributes = {}) {
  const input = el("input", { type: "checkbox", onchange: () => onChange(input.checked), ...attributes });
  input.checked = checked;
  return el("label", { class: "check" }, input, el("span", {}, label));
}

function controls(label, ...children) {
  return el("div", { class: "controls", role: "group", "aria-label": label }, ...children);
}

// What is said when a filter or a picker has changed what is shown.
function status() {
  return el("p", { class: "status", role: "status" });
}

function note(text) {
  return el("p", { class: "note" }, text);
}

function datasetLink(index) {
  return el("a", { href: datasetHash(index), class: "dataset-link" }, datasetName(index));
}

function datasetHash(index) {
  return `#dataset=${encodeURIComponent(numbers.datasets[index].name)}`;
}

function scopeLabel(scope, dataset) {
  return scope === "dataset" ? datasetLink(dataset) : el("span", { class: "average" }, scopeName(scope, dataset));
}

// A wide table scrolls in a box of its own, which the keyboard can reach: the page itself never scrolls sideways.
function scrollBox(label, table) {
  const box = el("div", { class: "scroll", role: "region", "aria-label": label, tabindex: "0" }, table);
  box.addEventListener("scroll", () => markCut(box), { passive: true });
  resized.observe(box);
  resized.observe(table);
  return box;
}

const resized = new ResizeObserver((entries) => {
  for (const { target } of entries) markCut(target.closest(".scroll"));
});

// Says so where columns lie beyond the right edge: some systems show no scroll bars.
function markCut(box) {
  box?.classList.toggle("cut", box.scrollLeft + box.clientWidth < box.scrollWidth - 2);
}

// A number and its interval on the scale from 0 to 1, with a tick at 1/2.
function intervalBar({ value, low, high }) {
  const at = (x) => 2 + 96 * Math.min(1, Math.max(0, x));
  const bar = svg("svg", { class: "bar", viewBox: "0 0 100 12", width: 100, height: 12, "aria-hidden": "true" });
  bar.append(svg("path", { class: "bar-scale", d: "M2 6H98M50 0V12" }));
  if (value === null) return bar;
  if (low !== null && high !== null) bar.append(svg("path", { class: "bar-interval", d: `M${at(low)} 6H${at(high)}` }));
  bar.append(svg("path", { class: "bar-value", d: `M${at(value)} 1V11` }));
  return bar;
}

// One number with its interval, or why either is missing. The exact numbers are in the attributes.
function numberCell(metric, cell, { bar = false, marker = null, tag = "td" } = {}) {
  const { unit } = numbers.metrics[metric];
  const found = estimate(metric, cell);
  const { value, low, high, reason } = found;
  const element = el(tag, {
    class: bar ? "number with-bar" : "number",
    "data-metric": metric,
    "data-cell": cell,
    "data-value": value,
    "data-low": low,
    "data-high": high,
  });
  if (marker && !bar) element.append(marker, " ");
  if (value === null) {
    element.append(el("span", { class: "reason" }, reason ?? "no number"));
  } else {
    element.append(el("span", { class: "value" }, number(value, unit)));
    const missing = el("span", { class: "reason" }, `no interval: ${reason ?? "none was given"}`);
    element.append(" ", low === null ? missing : el("span", { class: "interval" }, interval(low, high, unit)));
    if (bar && unit === "share") element.append(" ", intervalBar(found));
  }
  if (marker && bar) element.append(" ", marker);
  return element;
}

function copyButton(text, what) {
  const said = el("span", { class: "copied", role: "status" });
  const copy = button("Copy", () => copyText(text, said), { "aria-label": `Copy ${what}` });
  return el("span", { class: "copy" }, copy, said);
}

// Where the clipboard is closed to the page, the text is selected, so that the keyboard can copy it.
async function copyText(text, said, shown = null) {
  try {
    await navigator.clipboard.writeText(text);
    said.textContent = "Copied.";
  } catch {
    if (shown) getSelection().selectAllChildren(shown);
    said.textContent = shown
      ? "The browser keeps its clipboard closed. The text is selected: copy it with Ctrl+C or Cmd+C."
      : "The browser keeps its clipboard closed: select the text and copy it.";
  }
}
