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
  const { model, revision, step, tags } = numbers.checkpoints[index];
  const parts = [`model ${model}`];
  if (revision !== null) parts.push(`revision ${revision}`);
  if (step !== null) parts.push(`step ${step}`);
  for (const [key, value] of Object.entries(tags)) parts.push(`${key} ${value}`);
  return parts.join(", ");
}

function placeOf(cell) {
  const { checkpoint, template, scope, dataset } = numbers.cells;
  const parts = [checkpointText(checkpoint[cell])];
  if (numbers.templates[template[cell]] !== "") parts.push(`template ${numbers.templates[template[cell]]}`);
  const averaged = counted(numbers.datasets.length, "data set");
  if (scope[cell] === "pooled") parts.push(`all questions of ${averaged} (pooled)`);
  else if (scope[cell] === "macro") parts.push(`mean of ${averaged} (macro)`);
  else parts.push(`data set ${datasetName(dataset[cell])}`);
  return parts.join(", ");
}

function citeButton(cell) {
  return button("Cite", () => cite(cell), { class: "cite", "aria-label": `Cite the numbers of ${cellName(cell)}` });
}

function cite(cell) {
  const texts = numbers.headlines.map((metric) => [numbers.metrics[metric].label, citation(metric, cell), metric]);
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
    ...texts.flatMap(([label, text, metric]) => citationParts(label, text, metric, said)),
    el("div", { class: "controls" }, copyAllButton(texts, dialog, said), close),
    said,
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function citationParts(label, text, metric, said) {
  const shown = el("blockquote", { class: "cite-text", "data-metric": metric }, text);
  const copy = button(`Copy ${label}`, () => copyText(text, said, shown));
  return [el("h3", {}, capitalised(label)), shown, copy];
}

function copyAllButton(texts, dialog, said) {
  const all = texts.map(([, text]) => text).join("\n");
  return texts.length > 1 ? button("Copy all", () => copyText(all, said, dialog.querySelector("blockquote"))) : null;
}
