// Charts: Vega is unpacked and run when the first one is to be drawn. Behind each chart are its numbers as a table.

let vega = null;
let drawing = Promise.resolve();

function loadVega() {
  vega ??= unpack("vega").then((text) => {
    const script = document.createElement("script");
    script.textContent = text;
    document.head.append(script);
    return window.vegaEmbed;
  });
  return vega;
}

// Puts a figure into `container` and draws it. Options: `name`, what a screen reader says of the chart; `labels` of
// columns in the table behind it; `onPick`, called with the row of a mark that is clicked; `adapt`, which changes the
// specification for this one drawing.
// Charts are drawn one after another: each blocks the page for some 50 ms, and between two the page answers.
function draw(container, kind, rows, options) {
  const picture = el("div", { class: "drawing", role: "img", "aria-label": options.name });
  const figure = el("figure", { class: "chart", "data-kind": kind }, picture, tableBehind(rows, options));
  container.replaceChildren(figure);
  picture.style.minHeight = `${heightOf(numbers.chart_specs[kind], rows) + BESIDE}px`;
  drawing = drawing.then(() => drawNow(picture, figure, kind, rows, options)).catch((error) => {
    picture.removeAttribute("role");
    picture.replaceChildren(note(`This chart could not be drawn: ${error.message}. Its numbers are in the table.`));
  });
  return drawing;
}

const BESIDE = 40; // In pixels: what axis and legend take beside the height of the marks.

// Room is kept for a chart before it is drawn, so that nothing below it moves.
function heightOf({ height }, rows) {
  return typeof height === "number" ? height : height?.step ? height.step * rows.length : 0;
}

async function drawNow(picture, figure, kind, rows, options) {
  const embed = await loadVega();
  if (!figure.isConnected) return;
  const result = await embed(picture, specOf(kind, rows, picture, options), {
    ast: true,
    actions: false,
    defaultStyle: false,
    renderer: "svg",
    tooltip: { disableDefaultStyle: true },
  });
  // Vega-Embed names the element after itself, and Vega gives marks roles: the figure has one name, and is a picture.
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", options.name);
  picture.removeAttribute("aria-roledescription");
  picture.querySelector("svg").setAttribute("aria-hidden", "true");
  if (options.onPick) {
    result.view.addEventListener("click", (_, item) => {
      const row = item?.datum?.datum ?? item?.datum;
      if (row) options.onPick(row);
    });
    picture.classList.add("pickable");
  }
  figure.dataset.drawn = "true";
}

// In pixels, with axes and labels: a chart is as wide as its place, and no wider than can be read at once.
const WIDEST = { two_numbers: 480, behaviour: 480, forest: 760, reliability: 440, log_odds: 520 };

// Vega's own names for marks are switched off: the figure has one name, and the table says the rest.
function specOf(kind, rows, picture, { adapt }) {
  const spec = structuredClone(numbers.chart_specs[kind]);
  adapt?.(spec);
  spec.data = { values: rows };
  spec.background = "transparent";
  spec.config = { ...spec.config, aria: false, range: rangesFor(rows, spec.config.range) };
  if (spec.mark || spec.layer) {
    spec.width = Math.max(160, Math.min(picture.clientWidth || 320, WIDEST[kind] ?? Infinity));
    spec.autosize = { type: "fit-x", contains: "padding" };
    if (spec.width < NARROW) narrow(spec);
  }
  return spec;
}

// As palette.ramp: few ordered series have the ends of the ramp.
function rangesFor(rows, ranges) {
  const n = new Set(rows.map((row) => row.series)).size;
  const ramp = ranges.ordinal.scheme;
  if (n < 2 || n > ramp.length) return ranges;
  return { ...ranges, ordinal: Array.from({ length: n }, (_, i) => ramp[Math.round((i * (ramp.length - 1)) / (n - 1))]) };
}

const NARROW = 400;

// On a phone, names beside a chart leave room for what it shows.
function narrow(spec) {
  spec.config.legend = { ...spec.config.legend, columns: 2 };
  if (spec.encoding?.y?.axis?.labelLimit) spec.encoding.y.axis.labelLimit = spec.width / 3;
}

function tableBehind(rows, { name, labels }) {
  const details = el("details", { class: "behind" }, el("summary", {}, "Show as table"));
  details.addEventListener("toggle", () => {
    if (details.children.length === 1) details.append(plainTable(name, rows, labels));
  });
  return details;
}

// Calls `action` once when the element comes near the view.
const waiting = new Map();
const nearby = new IntersectionObserver(
  (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => comeNear(entry.target)),
  { rootMargin: "200px" },
);

function comeNear(element) {
  const action = waiting.get(element);
  waiting.delete(element);
  nearby.unobserve(element);
  return action?.();
}

function whenNear(element, action) {
  waiting.set(element, action);
  nearby.observe(element);
}
