// Blocks of data, unpacked on first use, and what is looked up in them.

let numbers = null; // The block "numbers": `main` sets it before anything is drawn.
const unpacked = new Map();

function whenParsed() {
  if (document.readyState !== "loading") return Promise.resolve();
  return new Promise((resolve) => document.addEventListener("DOMContentLoaded", resolve, { once: true }));
}

function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

// Scripts stand before most blocks in the file, so a block that isn't there yet may come once all of it is parsed.
async function unpack(name) {
  const find = () => document.querySelector(`script[data-block="${CSS.escape(name)}"]`);
  if (!find()) await whenParsed();
  const element = find();
  if (!element) throw new Error(`this page has no block ${name}: write it again with pyscore report`);
  const stream = new Blob([bytesOf(element.textContent)]).stream();
  return new Response(stream.pipeThrough(new DecompressionStream("deflate"))).text();
}

function block(name) {
  if (!unpacked.has(name)) unpacked.set(name, unpack(name).then(JSON.parse));
  return unpacked.get(name);
}

function hasBlock(name) {
  return document.querySelector(`script[data-block="${CSS.escape(name)}"]`) !== null;
}

// What one line (a cell) says.

function estimate(metric, cell) {
  const columns = numbers.cells.metrics[metric];
  const reason = columns.reason[cell];
  return {
    value: columns.value[cell],
    low: columns.low[cell],
    high: columns.high[cell],
    smallest: columns.template_min[cell],
    largest: columns.template_max[cell],
    reason: reason === null ? null : numbers.reasons[reason],
  };
}

let places = null;

function findCell(checkpoint, template, scope, dataset) {
  const key = (c, t, s, d) => `${c} ${t} ${s} ${d ?? ""}`;
  if (!places) {
    const { cells } = numbers;
    places = new Map(
      cells.n.map((_, i) => [key(cells.checkpoint[i], cells.template[i], cells.scope[i], cells.dataset[i]), i]),
    );
  }
  return places.get(key(checkpoint, template, scope, dataset)) ?? null;
}

function checkpointName(index) {
  return numbers.checkpoints[index].name;
}

function templateName(index) {
  return numbers.templates[index] || "(no template)";
}

function datasetName(index) {
  return numbers.datasets[index].name || "(no name)";
}

function scopeName(scope, dataset) {
  if (scope === "pooled") return "all questions (pooled)";
  if (scope === "macro") return "mean of data sets (macro)";
  return datasetName(dataset);
}

function cellName(cell) {
  const { checkpoint, template, scope, dataset } = numbers.cells;
  const parts = [checkpointName(checkpoint[cell]), scopeName(scope[cell], dataset[cell])];
  if (hasTemplates()) parts.splice(1, 0, templateName(template[cell]));
  return parts.join(" · ");
}

// Averages stand before what they average, wherever lines have no other order.
function scopeRank(scope) {
  return { pooled: 0, macro: 1, dataset: 2 }[scope];
}

function hasTemplates() {
  return numbers.templates.length > 1;
}

let warningsByCell = null;

function warningsOf(cell) {
  warningsByCell ??= grouped(numbers.warnings, (warning) => warning.cell);
  return warningsByCell.get(cell) ?? [];
}

function grouped(items, keyOf) {
  const groups = new Map();
  for (const item of items) {
    const key = keyOf(item);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(item);
  }
  return groups;
}

// Whether the two headline numbers of a line lie on different sides of 1/2, as far as their intervals show it.
function story(cell) {
  const [a, b] = numbers.headlines.map((metric) => estimate(metric, cell));
  if ([a, b].some((each) => each.value === null || each.low === null || each.high === null)) return null;
  const side = ({ low, high }) => (low > 0.5 ? 1 : high < 0.5 ? -1 : 0);
  if (side(a) * side(b) === -1) return "opposite sides";
  const leans = (sure, other) => side(sure) * Math.sign(other.value - 0.5) === -1;
  return leans(a, b) || leans(b, a) ? "lean apart" : "agree";
}

function compareRanks(a, b) {
  const first = a.findIndex((rank, i) => rank !== b[i]);
  return first < 0 ? 0 : a[first] - b[first];
}

// What readers look for first: the largest model at its last step.
function lastCheckpoint() {
  const ranks = ({ size, step }, i) => [size ?? 0, step ?? 0, i];
  return numbers.checkpoints.map(ranks).sort(compareRanks).at(-1).at(-1);
}

// The two checkpoints that are compared at first: the ends of the curve that leads to the last one.
function firstPair() {
  const curves = numbers.curves.filter(({ checkpoints }) => checkpoints.length > 1);
  const last = lastCheckpoint();
  const curve = curves.find(({ x, checkpoints }) => x === "step" && checkpoints.at(-1) === last)
    ?? curves.find(({ checkpoints }) => checkpoints.at(-1) === last)
    ?? curves[0];
  return curve ? [curve.checkpoints[0], curve.checkpoints.at(-1)] : [0, 1];
}
