// Where the mean probability and the preference rate of a data set agree, and where they tell different stories.

const STORIES_SHOWN = 12;
const STORIES = {
  "opposite sides": "Opposite sides of 1/2, both intervals",
  "lean apart": "Leaning apart: one interval is on a side of 1/2, the other number on the other",
};

function drawTwoNumbers(body) {
  const picked = { checkpoint: lastCheckpoint(), template: 0 };
  const content = el("div", { class: "two" });
  const said = status();
  const update = () => drawStories(content, said, picked);
  const set = (name) => (value) => { picked[name] = value; update(); };
  body.replaceChildren(
    controls("Pick", checkpointPicker("Checkpoint", picked.checkpoint, set("checkpoint")),
      templatePicker(picked.template, set("template"))),
    said,
    content,
  );
  update();
}

function datasetCells(checkpoint, template) {
  return numbers.datasets
    .map((_, dataset) => findCell(checkpoint, template, "dataset", dataset))
    .filter((cell) => cell !== null);
}

function storyRow(cell) {
  const { checkpoint, template, dataset, n } = numbers.cells;
  const row = {
    dataset: datasetName(dataset[cell]),
    template: templateName(template[cell]),
    checkpoint: checkpointName(checkpoint[cell]),
  };
  for (const metric of numbers.headlines) {
    const { value, low, high } = estimate(metric, cell);
    Object.assign(row, { [metric]: value, [`${metric}_low`]: low, [`${metric}_high`]: high });
  }
  return { ...row, n: n[cell], story: story(cell) ?? "agree" };
}

function drawStories(content, said, { checkpoint, template }) {
  const cells = datasetCells(checkpoint, template);
  const apart = Object.keys(STORIES).map((name) => [name, cells.filter((cell) => story(cell) === name)]);
  const n = apart.reduce((sum, [, some]) => sum + some.length, 0);
  said.textContent = cells.length
    ? `The two numbers tell different stories on ${n} of ${counted(cells.length, "data set")}.`
    : "Nothing was scored for this checkpoint and template.";
  const chart = el("div");
  const lists = apart.filter(([, some]) => some.length).flatMap(([name, some]) => storyList(name, some));
  content.replaceChildren(chart, el("div", {}, ...lists));
  const both = numbers.headlines.map((metric) => numbers.metrics[metric].label).join(" and ");
  const name = `${capitalised(both)} of each data set, ${checkpointName(checkpoint)}, ${templateName(template)}`;
  const rows = cells.map(storyRow).filter((row) => numbers.headlines.every((metric) => row[metric] !== null));
  const indexOf = (row) => cells.map((cell) => numbers.cells.dataset[cell]).find((i) => datasetName(i) === row.dataset);
  const open = (row) => { if (row.dataset !== undefined) location.hash = datasetHash(indexOf(row)); };
  if (rows.length) draw(chart, "two_numbers", rows, { name, onPick: open });
}

function storyList(name, cells) {
  const items = cells.map(storyItem);
  items.slice(STORIES_SHOWN).forEach((item) => { item.hidden = true; });
  const heading = el("h3", {}, `${capitalised(name)} (${cells.length})`);
  const list = el("ul", { class: "stories" }, ...items);
  return [heading, note(`${STORIES[name]}.`), list, ...moreRows(items, STORIES_SHOWN, "data set")];
}

function storyItem(cell) {
  const parts = numbers.headlines.map((metric) => {
    const { label, unit } = numbers.metrics[metric];
    const { value, low, high } = estimate(metric, cell);
    const exact = { "data-metric": metric, "data-cell": cell, "data-value": value, "data-low": low, "data-high": high };
    return el("p", exact,
      `${label} `, el("span", { class: "value" }, number(value, unit)), " ",
      el("span", { class: "interval" }, interval(low, high, unit)));
  });
  return el("li", {}, datasetLink(numbers.cells.dataset[cell]), el("div", { class: "both" }, ...parts));
}
