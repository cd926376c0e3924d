// Two checkpoints on the same questions: differences, their intervals and what the corrected p-values say.

const FOREST_SHOWN = 40;
const SCALE = 1e5; // Differences come as whole numbers of hundred-thousandths.
const FLIPPED = { higher: "lower", lower: "higher" };

async function drawComparison(body) {
  if (numbers.checkpoints.length < 2 || !hasBlock("differences")) {
    body.replaceChildren(note("There are no two checkpoints to compare."), ...numbers.differences.notes.map(note));
    return;
  }
  body.replaceChildren(note("Unpacking the differences…"));
  const differences = await block("differences");
  const [first, other] = firstPair();
  const picked = {
    first,
    other,
    template: 0,
    metric: numbers.headlines[0],
    all: false,
  };
  const pick = el("div");
  const content = el("div");
  const update = () => drawPair(content, differences, picked);
  const set = (name) => (value) => { picked[name] = value; update(); };
  const swap = () => {
    [picked.first, picked.other] = [picked.other, picked.first];
    fill();
    update();
    pick.querySelector(".swap").focus();
  };
  const fill = () => pick.replaceChildren(pairControls(picked, set, swap));
  fill();
  body.replaceChildren(pick, correction(), content, ...numbers.differences.notes.map(note));
  update();
}

function pairControls(picked, set, swap) {
  return controls(
    "Pick two checkpoints",
    checkpointPicker("First", picked.first, set("first")),
    button("Swap", swap, { class: "swap", "aria-label": "Swap the two checkpoints" }),
    checkpointPicker("Other", picked.other, set("other")),
    templatePicker(picked.template, set("template")),
  );
}

function correction() {
  const { family } = numbers.differences;
  const said = /[.]$/.test(family) ? family : `${family}.`;
  return note(`${capitalised(said)} Choose the pair before you look, or say how many pairs you looked at.`);
}

// The pair as it is stored, or turned round.
function findPair({ pairs }, { first, other, template }) {
  const is = (a, b) => (pair) => pair.first === a && pair.other === b && pair.template === template;
  const pair = pairs.find(is(first, other));
  if (pair) return { pair, turned: false };
  return { pair: pairs.find(is(other, first)), turned: true };
}

function differenceOf(columns, i, turned, verdicts) {
  const at = (name) => (columns[name][i] === null ? null : columns[name][i] / SCALE);
  const [difference, below, above] = [at("difference"), at("below"), at("above")];
  const [down, up] = turned ? [above, below] : [below, above];
  const value = difference === null ? null : turned ? 0 - difference : difference;
  const verdict = verdicts[columns.verdict[i]];
  const limit = (x) => Math.round(x * SCALE) / SCALE; // 0.1 + 0.2 is not to be shown as 0.30000000000000004.
  return {
    value,
    low: value === null || down === null ? null : limit(value - down),
    high: value === null || up === null ? null : limit(value + up),
    p: columns.adjusted_p[i],
    verdict: turned ? FLIPPED[verdict] ?? verdict : verdict,
    reason: columns.reason[i] ?? null,
  };
}

function pairRows({ pair, turned }, verdicts) {
  const { cells } = pair;
  const rows = cells.scope.map((scope, i) => ({
    scope,
    dataset: cells.dataset[i],
    name: scopeName(scope, cells.dataset[i]),
    n: cells.n[i],
    clusters: cells.n_clusters[i],
    found: Object.fromEntries(
      numbers.headlines.map((metric) => [metric, differenceOf(cells[metric], i, turned, verdicts)]),
    ),
  }));
  return rows.sort((a, b) => scopeRank(a.scope) - scopeRank(b.scope) || a.dataset - b.dataset);
}

function drawPair(content, differences, picked) {
  const { first, other, template } = picked;
  if (first === other) {
    content.replaceChildren(note("This is one checkpoint twice: pick another."));
    return;
  }
  const found = findPair(differences, picked);
  if (!found.pair || found.pair.reason) {
    const reason = found.pair?.reason ?? "no differences were computed";
    content.replaceChildren(note(`These two can't be compared: ${reason}.`));
    return;
  }
  const rows = pairRows(found, differences.verdicts);
  const title = `${checkpointName(other)} minus ${checkpointName(first)}`;
  const under = hasTemplates() ? `, ${templateName(template)}` : "";
  const table = dataTable({ caption: `${title}${under}`, columns: differenceColumns(picked), rows });
  const forest = el("div");
  content.replaceChildren(el("h3", {}, title), verdictCount(rows), table.element, forest);
  drawForest(forest, rows, picked, title);
}

function verdictCount(rows) {
  const own = rows.filter((row) => row.scope === "dataset");
  const texts = numbers.headlines.map((metric) => {
    const has = (verdict) => own.filter((row) => row.found[metric].verdict === verdict).length;
    return `${numbers.metrics[metric].label} higher on ${has("higher")}, lower on ${has("lower")}`;
  });
  const said = status();
  const all = counted(own.length, "data set");
  said.textContent = `Of ${all}: ${texts.join("; ")}; on the others no difference is shown.`;
  return said;
}

function differenceColumns(picked) {
  const column = (metric) => [
    {
      key: metric,
      label: `Δ ${numbers.metrics[metric].label}`,
      numeric: true,
      sort: (row) => row.found[metric].value,
      cell: (row) => differenceCell(metric, row.found[metric]),
    },
    {
      key: `${metric}-p`,
      label: "p, corrected",
      numeric: true,
      sort: (row) => row.found[metric].p,
      cell: (row) => el("td", { class: "number" }, pValue(row.found[metric].p)),
    },
    {
      key: `${metric}-verdict`,
      label: "Verdict",
      sort: (row) => row.found[metric].verdict,
      cell: (row) => el("td", { class: "verdict" }, row.found[metric].verdict),
    },
  ];
  return [
    {
      key: "dataset",
      label: "Data set",
      sort: (row) => row.name,
      cell: (row) => el("th", { scope: "row" }, scopeLabel(row.scope, row.dataset)),
    },
    {
      key: "n",
      label: "n",
      numeric: true,
      sort: (row) => row.n,
      cell: (row) => el("td", { class: "number" }, count(row.n)),
    },
    ...numbers.headlines.flatMap(column),
    { key: "cite", label: "Cite", cell: (row) => el("td", { class: "cite-cell" }, citeDifferenceButton(row, picked)) },
  ];
}

function differenceCell(metric, { value, low, high, reason }) {
  const exact = { "data-metric": metric, "data-value": value, "data-low": low, "data-high": high };
  const attributes = { class: "number", ...exact };
  if (value === null) return el("td", attributes, el("span", { class: "reason" }, reason ?? "no difference"));
  const limitsText = low === null
    ? el("span", { class: "reason" }, `no interval: ${reason ?? "none was given"}`)
    : el("span", { class: "interval" }, interval(low, high, "share"));
  return el("td", attributes, el("span", { class: "value" }, signed(value)), " ", limitsText);
}

function citeDifferenceButton(row, picked) {
  const { first, other } = picked;
  const name = `${checkpointName(other)} minus ${checkpointName(first)}, ${row.name}`;
  const open = () => showCitations(name, numbers.headlines.map((metric) => [
    `difference in ${numbers.metrics[metric].label}`, differenceCitation(metric, row, picked), metric,
  ]));
  return button("Cite", open, { class: "cite", "aria-label": `Cite the differences ${name}` });
}

function differenceCitation(metric, row, { first, other, template }) {
  const { label, definition, signature } = numbers.metrics[metric];
  const found = row.found[metric];
  const missing = `no number (${found.reason ?? "none was given"})`;
  const value = found.value === null ? missing : plainNumber(found.value, "share");
  const p = found.p === null ? "" : `, corrected p ${pValue(found.p)}`;
  const clusters = row.clusters === null ? "" : ` in ${row.clusters} clusters`;
  const under = numbers.templates[template] === "" ? "" : `, template ${numbers.templates[template]}`;
  const place = row.scope === "dataset" ? `data set ${row.name}` : row.name;
  return (
    `difference in ${label} ${value} (${limits(found, "share")}${p}, n = ${row.n} questions${clusters}), ` +
    `${checkpointText(other)} minus ${checkpointText(first)}${under}, ${place}; ` +
    `${definition.replace(/\.\s*$/, "")} [${signature}]`
  );
}

// The forest: averages, and of the data sets those with the largest differences.
function drawForest(container, rows, picked, title) {
  const { metric } = picked;
  const known = rows.filter((row) => row.found[metric].value !== null);
  const own = known.filter((row) => row.scope === "dataset");
  const largest = sorted(own, (row) => Math.abs(row.found[metric].value), true);
  const isCut = own.length > FOREST_SHOWN && !picked.all;
  const averages = known.filter((row) => row.scope !== "dataset");
  const shown = [...averages, ...largest.slice(0, isCut ? FOREST_SHOWN : undefined)];
  const again = (change) => {
    Object.assign(picked, change);
    drawForest(container, rows, picked, title);
    container.querySelector("select").focus();
  };
  const metrics = numbers.headlines.map((each) => [each, numbers.metrics[each].label]);
  const { label } = numbers.metrics[metric];
  const pick = picker("Number", metrics, metric, (next) => again({ metric: next }));
  const heading = el("h3", {}, `Difference in ${label}`);
  const chart = el("div");
  container.replaceChildren(heading, controls("Pick the number of the chart", pick), chart);
  if (isCut) {
    chart.before(note(`The ${FOREST_SHOWN} largest of ${counted(own.length, "difference")}.`));
    container.append(button(`Show all ${count(own.length)}`, () => again({ all: true }), { class: "more" }));
  }
  const name = `Difference in ${label} with intervals, ${title}`;
  if (shown.length) draw(chart, "forest", shown.map((row) => forestRow(row, metric)), { name });
}

function forestRow({ name, n, found }, metric) {
  const { value, low, high, p, verdict } = found[metric];
  return { label: name, difference: value, low, high, adjusted_p: p, verdict, n };
}
