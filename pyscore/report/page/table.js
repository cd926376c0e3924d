// A table that is sorted by its columns and shown page by page: only the lines of a page are elements.

const collator = new Intl.Collator("en", { numeric: true });
const PAGE_SIZES = [[50, "50"], [100, "100"], [Infinity, "all"]];

function compareKeys(a, b) {
  return typeof a === "string" ? collator.compare(a, b) : a - b;
}

function isMissing(key) {
  return key === null || key === undefined || Number.isNaN(key);
}

// Lines without a key stay last in both directions: what is missing is neither large nor small.
function sorted(rows, keyOf, descending) {
  const keyed = rows.map((row) => [keyOf(row), row]);
  const known = keyed.filter(([key]) => !isMissing(key));
  known.sort(([a], [b]) => (descending ? compareKeys(b, a) : compareKeys(a, b)));
  return [...known, ...keyed.filter(([key]) => isMissing(key))].map(([, row]) => row);
}

// Columns are {key, label, numeric, sort: row -> number or text or null, cell: row -> td or th, title}. The order of
// `rows` is that before any sorting.
function dataTable({ caption, columns, rows, unit = "line" }) {
  const state = { columns, rows, order: rows, sort: null, descending: false, page: 0, size: 50 };
  const head = el("tr");
  const body = el("tbody");
  const table = el("table", {}, el("caption", {}, caption), el("thead", {}, head), body);
  const pager = pagerOf(caption, unit, state, () => drawBody());
  const drawBody = () => {
    const first = state.page * (state.size === Infinity ? 0 : state.size);
    body.replaceChildren(...state.order.slice(first, first + state.size).map((row) => tableRow(row, state.columns)));
    pager.update();
  };
  const reorder = () => {
    const column = state.columns.find((each) => each.key === state.sort);
    state.order = column ? sorted(state.rows, column.sort, state.descending) : state.rows;
    state.page = 0;
    drawBody();
  };
  const drawHead = () => head.replaceChildren(...state.columns.map((column) => headCell(column, state, sortBy)));
  const sortBy = (column) => {
    [state.sort, state.descending] = nextSort(column, state);
    drawHead();
    reorder();
    head.querySelector(`[data-key="${CSS.escape(column.key)}"] button`).focus();
  };
  drawHead();
  reorder();
  return {
    element: el("div", { class: "data-table" }, scrollBox(caption, table), pager.element),
    setRows: (next) => { state.rows = next; reorder(); },
    setColumns: (next) => { state.columns = next; drawHead(); reorder(); },
    reveal: (row) => {
      state.page = state.size === Infinity ? 0 : Math.floor(state.order.indexOf(row) / state.size);
      drawBody();
      return body.children[state.order.indexOf(row) - state.page * (state.size === Infinity ? 0 : state.size)];
    },
  };
}

// Numbers begin with the largest, texts with the first; a third press gives back the order of the file.
function nextSort(column, { sort, descending }) {
  const begin = Boolean(column.numeric);
  if (sort !== column.key) return [column.key, begin];
  return descending === begin ? [column.key, !begin] : [null, false];
}

function headCell(column, { sort, descending }, sortBy) {
  const direction = sort !== column.key ? "none" : descending ? "descending" : "ascending";
  const attributes = { scope: "col", "data-key": column.key, class: columnClass(column) };
  if (!column.sort) return el("th", attributes, el("span", { title: column.title }, column.label));
  const press = button(column.label, () => sortBy(column), { class: "sort", title: column.title });
  return el("th", { ...attributes, "aria-sort": direction }, press);
}

// Names stand over the beginning of numbers with bars, and over the end of others.
function columnClass({ numeric, bar }) {
  return bar ? "number with-bar" : numeric ? "number" : null;
}

function tableRow(row, columns) {
  return el("tr", {}, ...columns.map((column) => column.cell(row)));
}

function pagerOf(caption, unit, state, draw) {
  const pages = () => (state.size === Infinity ? 1 : Math.max(1, Math.ceil(state.order.length / state.size)));
  const go = (page) => () => { state.page = Math.min(Math.max(0, page()), pages() - 1); draw(); };
  const buttons = [
    button("First", go(() => 0)),
    button("Previous", go(() => state.page - 1)),
    button("Next", go(() => state.page + 1)),
    button("Last", go(() => pages() - 1)),
  ];
  const shown = el("span", { class: "shown", role: "status" });
  const sizes = picker(`${capitalised(unit)}s a page`, PAGE_SIZES, state.size, (picked) => {
    state.size = picked;
    state.page = 0;
    draw();
  });
  const steps = el("span", { class: "steps" }, ...buttons.slice(0, 2), shown, ...buttons.slice(2));
  const element = el("nav", { class: "pager", "aria-label": `Pages of: ${caption}` }, steps, sizes);
  const update = () => {
    const all = state.order.length;
    const first = state.size === Infinity ? 0 : state.page * state.size;
    const last = Math.min(all, first + state.size);
    shown.textContent = all ? `${unit}s ${count(first + 1)} to ${count(last)} of ${count(all)}` : `no ${unit}s`;
    steps.classList.toggle("single", pages() === 1);
    setDisabled(buttons, [state.page === 0, state.page === 0, last >= all, last >= all]);
    element.hidden = all <= PAGE_SIZES[0][0];
  };
  return { element, update };
}

// A button that is disabled while it has the focus would drop it: its neighbour takes it.
function setDisabled(buttons, disabled) {
  const focused = buttons.indexOf(document.activeElement);
  buttons.forEach((each, i) => { each.disabled = disabled[i]; });
  if (focused >= 0 && disabled[focused]) buttons.find((_, i) => !disabled[i])?.focus();
}

// A plain table of objects, for the numbers behind a chart.
function plainTable(caption, rows, labels = {}) {
  const keys = rows.length ? Object.keys(rows[0]) : [];
  const isNumeric = (key) => rows.some((row) => typeof row[key] === "number");
  const head = keys.map((key) => {
    const text = labels[key] ?? key.replaceAll("_", " ");
    return el("th", { scope: "col", class: isNumeric(key) ? "number" : null }, text);
  });
  const short = (value) => withMinus(String(Number(value.toPrecision(4))));
  const text = (value) => (typeof value === "number" ? short(value) : value ?? "–");
  const body = rows.map((row) =>
    el("tr", {}, ...keys.map((key) => el("td", { class: isNumeric(key) ? "number" : null }, text(row[key])))),
  );
  const table = el("table", {}, el("caption", {}, caption), el("thead", {}, el("tr", {}, ...head)));
  table.append(el("tbody", {}, ...body));
  return scrollBox(caption, table);
}
