// A number as a sentence that can stand alone: value, interval, n, what was measured, and how.

function citation(metric, cell) {
  const { label, unit, definition, signature } = numbers.metrics[metric];
  const found = estimate(metric, cell);
  const place = placeOf(cell);
  const what = `${definition.replace(/\.\s*$/, "")} [${signature}]`;
  if (found.value === null) return `${label}: no number (${found.reason ?? "none was given"}), ${place}; ${what}`;
  const said = [limits(found, unit), sampleOf(cell), ...rangeOf(found, unit)].join(", ");
  return `${label} ${plainNumber(found.value, unit)} (${said}), ${place}; ${what}`;
}

// What stands in a paper's text or table, where method and data are told once.
function shortCitation(metric, cell) {
  const { label, unit } = numbers.metrics[metric];
  const { value, low, high } = estimate(metric, cell);
  if (value === null || low === null || high === null) return null;
  const interval = `${percent(numbers.confidence)} CI [${plainNumber(low, unit)}, ${plainNumber(high, unit)}]`;
  return `${label} ${plainNumber(value, unit)}, ${interval}, ${sampleOf(cell)}`;
}

function limits({ low, high, reason }, unit) {
  if (low === null || high === null) return `no interval: ${reason ?? "none was given"}`;
  return `${percent(numbers.confidence)} interval ${plainNumber(low, unit)} to ${plainNumber(high, unit)}`;
}

// What another template would have given belongs beside a number of one template.
function rangeOf({ smallest, largest }, unit) {
  if (!hasTemplates() || smallest === null || largest === null) return [];
  return [`over templates ${plainNumber(smallest, unit)} to ${plainNumber(largest, unit)}`];
}

function sampleOf(cell) {
  const { n, n_clusters: clusters } = numbers.cells;
  const inClusters = clusters[cell] === null ? "" : ` in ${clusters[cell]} clusters`;
  return `n = ${n[cell]} questions${inClusters}`;
}

function checkpointText(index) {
  const { name, tags } = numbers.checkpoints[index];
  const parts = [`checkpoint ${name}`];
  for (const [key, value] of Object.entries(tags)) parts.push(`${key} ${value}`);
  return parts.join(", ");
}

function placeOf(cell) {
  const { checkpoint, template, scope, dataset, n_datasets: over } = numbers.cells;
  const parts = [checkpointText(checkpoint[cell])];
  if (numbers.templates[template[cell]] !== "") parts.push(`template ${numbers.templates[template[cell]]}`);
  const averaged = counted(over[cell], "data set");
  if (scope[cell] === "pooled") parts.push(`all questions of ${averaged} (pooled)`);
  else if (scope[cell] === "macro") parts.push(`mean of ${averaged} (macro)`);
  else parts.push(`data set ${datasetName(dataset[cell])}`);
  parts.push(`study ${numbers.title}`);
  return parts.join(", ");
}

function citeButton(cell) {
  return button("Cite", () => cite(cell), { class: "cite", "aria-label": `Cite the numbers of ${cellName(cell)}` });
}

function cite(cell) {
  const texts = numbers.headlines.map((metric) => [
    numbers.metrics[metric].label, citation(metric, cell), metric, shortCitation(metric, cell),
  ]);
  showCitations(cellName(cell), texts);
}

// A dialog of the browser's own: it keeps the focus, closes by Escape and gives the focus back.
function showCitations(title, texts) {
  const said = el("p", { class: "copied", role: "status" });
  const dialog = el("dialog", { class: "cite-dialog", "aria-labelledby": "cite-title" });
  const close = button("Close", () => dialog.close());
  dialog.append(
    el("h2", { id: "cite-title" }, "Cite this number"),
    el("p", { class: "how" }, title),
    ...texts.flatMap(([label, text, metric, short]) => citationParts(label, text, metric, short, said)),
    el("div", { class: "controls" }, copyAllButton(texts, dialog, said), close),
    said,
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function citationParts(label, text, metric, short, said) {
  const shown = el("blockquote", { class: "cite-text", "data-metric": metric }, text);
  const copy = button(`Copy ${label}`, () => copyText(text, said, shown));
  const parts = [el("h3", {}, capitalised(label)), shown, copy];
  if (!short) return parts;
  const brief = el("blockquote", { class: "cite-text" }, short);
  return [...parts, el("p", { class: "how" }, "For a paper"), brief,
    button(`Copy short form of ${label}`, () => copyText(short, said, brief))];
}

function copyAllButton(texts, dialog, said) {
  const all = texts.map(([, text]) => text).join("\n");
  return texts.length > 1 ? button("Copy all", () => copyText(all, said, dialog.querySelector("blockquote"))) : null;
}
