// One data set: its numbers of every checkpoint, the questions that stand out, its curves and its calibration.

let opener = null;

function drawDataset(body) {
  const options = [[null, "choose a data set"], ...numbers.datasets.map((_, i) => [i, datasetName(i)])];
  const pick = picker("Data set", options, null, (dataset) => {
    if (dataset !== null) location.hash = datasetHash(dataset);
  });
  const leave = button("Back", leaveDataset, { hidden: true });
  body.replaceChildren(controls("Pick a data set", pick, leave), el("div", { class: "opened" }));
  if (numbers.datasets.length === 1 && !location.hash.startsWith("#dataset=")) return openDataset(0);
  return null;
}

// What was pressed to come here gets the focus back on leaving.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.('a[href^="#dataset="]');
  if (link) opener = link;
});

document.addEventListener("keydown", (event) => {
  const inside = location.hash.startsWith("#dataset=") && !document.querySelector("dialog[open]");
  if (event.key === "Escape" && inside && event.target.type !== "search") leaveDataset();
});

function leaveDataset() {
  if (opener) history.back();
  else location.hash = "overview";
}

function returnFocus() {
  if (opener?.isConnected) opener.focus();
  opener = null;
}

// The address may go on after the name: #dataset=NAME&question=ID.
async function showDataset(address) {
  const named = /^#dataset=([^&]*)&/.exec(location.hash);
  const name = named ? decoded(named[1]) : address;
  const index = numbers.datasets.findIndex((dataset) => dataset.name === name);
  await drawSection("dataset");
  const pick = document.querySelector("#dataset select");
  const leave = document.querySelector("#dataset .controls > button");
  pick.selectedIndex = index + 1;
  leave.hidden = false;
  if (index >= 0) await openDataset(index);
  else document.querySelector("#dataset .opened").replaceChildren(note(`There is no data set ${name} in this page.`));
}

async function openDataset(index) {
  const opened = document.querySelector("#dataset .opened");
  const heading = el("h3", {}, datasetName(index));
  const [curves, calibration, questions] = Array.from({ length: 3 }, () => el("div"));
  const size = note(`${counted(numbers.datasets[index].questions, "question")}.`);
  const parts = el("div", { class: "parts", role: "group", "aria-label": `Parts of ${datasetName(index)}` });
  opened.replaceChildren(heading, size, parts, datasetTable(index), questions, curves, calibration);
  drawDatasetCurves(curves, index);
  await drawDrill(index, questions, calibration);
  const named = [["Questions", questions], ["Curves", curves], ["Calibration", calibration]];
  parts.append(...named.filter(([, part]) => part.querySelector("h3")).map(([name, part]) => partLink(name, part)));
}

function partLink(name, part) {
  return button(name, () => {
    part.querySelector("h3").scrollIntoView();
    part.querySelector("h3").focus({ preventScroll: true });
  }, { class: "link" });
}

async function drawDrill(index, questions, calibration) {
  const name = numbers.drill[String(index)];
  if (name === undefined) {
    questions.replaceChildren(note("The questions of this data set are not in this page."));
    return;
  }
  const drill = await block(name);
  const place = el("div");
  calibration.append(el("h3", { tabindex: "-1" }, "Calibration"), place);
  calibrationView(place, drill.calibration, datasetName(index), "h4");
  drawQuestions(questions, drill, index);
}

function datasetTable(index) {
  const { scope, dataset } = numbers.cells;
  const lines = overview.lines.filter(({ cell }) => scope[cell] === "dataset" && dataset[cell] === index);
  const columns = [
    ...placeColumns().filter((column) => column.key !== "dataset"),
    countColumn("n", "n", numbers.cells.n),
    ...numbers.headlines.map(metricColumn),
    warningColumn,
    citeColumn,
  ];
  return dataTable({ caption: `Both numbers of ${datasetName(index)}`, columns, rows: lines }).element;
}

function drawDatasetCurves(container, index) {
  const own = numbers.curves.filter((curve) => curve.scope === "dataset" && curve.dataset === index);
  if (!own.length) return;
  const panels = el("div", { class: "panels" });
  container.append(el("h3", { tabindex: "-1" }, "Over size and step"), panels);
  for (const curves of grouped(own, ({ x, template, metric }) => `${x} ${template} ${metric}`).values()) {
    const { x, metric, template } = curves[0];
    const made = panel(curves, { metric, x });
    const under = hasTemplates() ? `, ${templateName(template)}` : "";
    const heading = el("h4", {}, `${capitalised(numbers.metrics[metric].label)} over ${x}${under}`);
    made.querySelector("h3").replaceWith(heading);
    panels.append(made);
  }
}
