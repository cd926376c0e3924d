// One data set: its numbers over the checkpoints, its calibration, and the questions that stand out.

const WHY = { extreme: "most extreme", changed: "most changed", undecided: "most undecided" };
const CHECKPOINTS_OPEN = 8;
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

async function showDataset(name) {
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
  opened.replaceChildren(heading, size, datasetTable(index), curves, calibration, questions);
  drawDatasetCurves(curves, index);
  const name = numbers.drill[String(index)];
  if (name === undefined) {
    questions.replaceChildren(note("The questions of this data set are not in this page."));
    return;
  }
  const drill = await block(name);
  const place = el("div");
  calibration.append(el("h3", {}, "Calibration"), place);
  calibrationView(place, drill.calibration, datasetName(index), "h4");
  drawQuestions(questions, drill);
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
  container.append(el("h3", {}, "Over size and step"), panels);
  for (const curves of grouped(own, ({ x, template, metric }) => `${x} ${template} ${metric}`).values()) {
    const { x, metric, template } = curves[0];
    const made = panel(curves, { metric, x });
    const under = hasTemplates() ? `, ${templateName(template)}` : "";
    const heading = el("h4", {}, `${capitalised(numbers.metrics[metric].label)} over ${x}${under}`);
    made.querySelector("h3").replaceWith(heading);
    panels.append(made);
  }
}

// Questions.

function drawQuestions(container, { questions, note: said }) {
  const picked = { why: null, template: null };
  const list = el("div");
  const counter = status();
  const update = () => {
    const kept = questions.filter(
      (question) =>
        (picked.why === null || question.why.includes(picked.why)) &&
        (picked.template === null || question.template === picked.template),
    );
    counter.textContent = `${count(kept.length)} of ${counted(questions.length, "question")} that stand out`;
    list.replaceChildren(...kept.map(questionCard));
  };
  const set = (name) => (value) => { picked[name] = value; update(); };
  const templates = [[null, "all"], ...numbers.templates.map((_, i) => [i, templateName(i)])];
  const pick = controls("Filter questions",
    picker("Which", [[null, "all that stand out"], ...Object.entries(WHY)], null, set("why")),
    hasTemplates() ? picker("Template", templates, null, set("template")) : null);
  container.replaceChildren(el("h3", {}, "Questions that stand out"));
  if (said) container.append(note(said));
  if (!questions.length) return;
  container.append(pick, counter, list);
  update();
}

function questionCard(question) {
  const { id, cluster, template, why, prompt, cut, answers } = question;
  const facts = [why.map((each) => WHY[each] ?? each).join(", ")];
  if (cluster !== null) facts.push(`cluster ${cluster}`);
  if (hasTemplates()) facts.push(templateName(template));
  const card = el("article", { class: "question" });
  card.append(el("h4", {}, id, el("span", { class: "why" }, ` · ${facts.join(" · ")}`)));
  card.append(prompt === null ? note("The prompt is not in this page.") : el("p", { class: "prompt" }, prompt));
  if (cut) card.append(note("The prompt was cut here."));
  card.append(el("ul", { class: "answers" }, ...answers.map(answerItem)), probabilities(question));
  return card;
}

function answerItem({ text, is_matching: isMatching }) {
  const kind = el("span", { class: "kind" }, isMatching ? "✓ matching" : "other");
  return el("li", { class: isMatching ? "matching" : "other" }, kind, " ", el("span", { class: "text" }, text));
}

const PREFERS = new Map([[1, "matching"], [0.5, "tie"], [0, "other"]]);

function probabilities({ id, probability, prefers }) {
  const head = ["Checkpoint", "Probability of matching", "Prefers"].map((text, i) =>
    el("th", { scope: "col", class: i === 1 ? "number" : null }, text),
  );
  const rows = probability.map((value, checkpoint) =>
    el("tr", {},
      el("th", { scope: "row" }, checkpointName(checkpoint)),
      el("td", { class: "number" }, number(value, "share"), " ", intervalBar({ value, low: null, high: null })),
      el("td", {}, PREFERS.get(prefers[checkpoint]) ?? "–")),
  );
  const caption = `What each checkpoint makes of ${id}`;
  const table = el("table", {}, el("caption", {}, caption), el("thead", {}, el("tr", {}, ...head)));
  table.append(el("tbody", {}, ...rows));
  if (rows.length <= CHECKPOINTS_OPEN) return scrollBox(caption, table);
  const known = probability.filter((value) => value !== null);
  const range = known.length
    ? `from ${number(Math.min(...known), "share")} to ${number(Math.max(...known), "share")}`
    : "unknown";
  const said = `Probability of matching answers ${range} over ${counted(rows.length, "checkpoint")}`;
  return el("details", {}, el("summary", {}, said), scrollBox(caption, table));
}
