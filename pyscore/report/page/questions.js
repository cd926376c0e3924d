// The questions of a data set that stand out: a list, ordered by why and how much, in which each opens to a card.

const WHY = { changed: "most changed", extreme: "most extreme", undecided: "most undecided" };
const CHECKPOINTS_OPEN = 8;

function drawQuestions(container, { questions, note: said }, dataset) {
  const picked = { why: null, template: null, text: "" };
  const list = el("div", { class: "question-list" });
  const counter = status();
  const update = () => {
    const kept = questions.filter((question) => isPicked(question, picked));
    counter.textContent = `${count(kept.length)} of ${counted(questions.length, "question")} that stand out`;
    list.replaceChildren(...kindsOf(kept, picked.why).flatMap(([why, own]) => [
      el("h4", {}, `${capitalised(WHY[why] ?? why)} (${own.length})`),
      ...own.map((question) => questionItem(question, dataset, said !== null)),
    ]));
  };
  const set = (name) => (value) => { picked[name] = value; update(); };
  const templates = [[null, "all"], ...numbers.templates.map((_, i) => [i, templateName(i)])];
  const pick = controls("Filter questions",
    searchField("Search id, prompt or answer", set("text")),
    picker("Which", [[null, "all that stand out"], ...Object.entries(WHY)], null, set("why")),
    hasTemplates() ? picker("Template", templates, null, set("template")) : null);
  container.replaceChildren(el("h3", { tabindex: "-1" }, "Questions that stand out"));
  if (said) container.append(note(said));
  if (!questions.length) return;
  container.append(pick, counter, list);
  update();
}

function isPicked({ id, cluster, template, why, prompt, answers }, picked) {
  const text = [id, cluster ?? "", prompt ?? "", ...answers.map((answer) => answer.text)].join("\n").toLowerCase();
  return (
    (picked.why === null || why.includes(picked.why)) &&
    (picked.template === null || template === picked.template) &&
    picked.text.toLowerCase().split(/\s+/).every((word) => text.includes(word))
  );
}

// A question stands under the first of its reasons, or under the one that was picked, the strongest first.
function kindsOf(questions, why) {
  const kinds = why === null ? [...Object.keys(WHY), undefined] : [why];
  const first = (question) => Object.keys(WHY).find((each) => question.why.includes(each));
  return kinds
    .map((kind) => [kind ?? "others", questions.filter((each) => why !== null || first(each) === kind)])
    .filter(([, own]) => own.length)
    .map(([kind, own]) => [kind, sorted(own, (each) => strength(each, kind), true)]);
}

function strength({ probability }, why) {
  const known = knownOf(probability);
  if (!known.length) return null;
  if (why === "changed") return Math.max(...known) - Math.min(...known);
  if (why === "extreme") return Math.abs(mean(known) - 0.5);
  return -mean(known.map((value) => Math.abs(value - 0.5)));
}

function knownOf(values) {
  return values.filter((value) => value !== null);
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function reasonText({ probability }, why) {
  const known = knownOf(probability);
  const label = WHY[why] ?? why;
  if (!known.length) return label;
  if (why === "changed") return `${label}: ${changeText(probability, known)}`;
  const average = `${label}: ${number(mean(known), "share")} on average`;
  const away = number(mean(known.map((value) => Math.abs(value - 0.5))), "share");
  return why === "undecided" ? `${average}, ${away} from 1/2` : average;
}

// From the smallest to the largest value, or the other way round: as the checkpoints stand in the study.
function changeText(probability, known) {
  const ends = [Math.min(...known), Math.max(...known)].map((value) => probability.indexOf(value));
  const [a, b] = ends.sort((x, y) => x - y);
  return `${number(probability[a], "share")} → ${number(probability[b], "share")} (${betweenText(a, b)})`;
}

// Within a family, only what tells two checkpoints apart.
function betweenText(a, b) {
  const [first, last] = [numbers.checkpoints[a], numbers.checkpoints[b]];
  const differ = (key) => first[key] !== last[key] && first[key] !== null && last[key] !== null;
  const isShort = first.family === last.family && (differ("size") || differ("step"));
  const short = (checkpoint) => [
    differ("size") ? sizeText(checkpoint.size) : "",
    differ("step") ? `step ${checkpoint.step}` : "",
  ].filter(Boolean).join(", ");
  const name = (checkpoint) => (isShort ? short(checkpoint) : checkpoint.name);
  return `${name(first)} → ${name(last)}`;
}

// What opens is made when it is opened.
function questionItem(question, dataset, isExplained) {
  const { id, prompt, probability, why, template } = question;
  const start = el("span", { class: "start" }, prompt === null ? "" : prompt.replace(/^\s*Human:/, "").replace(/\s+/g, " "));
  const reasons = el("span", { class: "why" }, why.map((each) => reasonText(question, each)).join("; "));
  const name = el("span", { class: "id" }, hasTemplates() ? `${id} · ${templateName(template)}` : id);
  const item = el("details", { class: "question", "data-question": id, "data-template": template });
  item.append(el("summary", {}, name, start, reasons, probability.length > 2 ? spark(probability) : null));
  item.addEventListener("toggle", () => {
    fillQuestion(item, question, dataset, isExplained);
    const inView = location.hash === "" || location.hash.startsWith("#dataset=");
    if (item.open && inView) history.replaceState(null, "", questionHash(question, dataset));
  });
  item.addEventListener("fill", () => fillQuestion(item, question, dataset, isExplained));
  return item;
}

function fillQuestion(item, question, dataset, isExplained) {
  if (item.children.length === 1) item.append(questionCard(item, question, dataset, isExplained));
}

// On paper nothing can be opened: all of the list is.
window.addEventListener("beforeprint", () => {
  for (const item of document.querySelectorAll("details.question")) {
    item.dispatchEvent(new Event("fill"));
    item.open = true;
  }
});

function questionHash({ id, template }, dataset) {
  const under = hasTemplates() ? `&template=${encodeURIComponent(numbers.templates[template])}` : "";
  return `${datasetHash(dataset)}&question=${encodeURIComponent(id)}${under}`;
}

function questionCard(item, question, dataset, isExplained) {
  const { cluster, prompt, cut, answers } = question;
  const card = el("div", { class: "card" });
  if (cluster !== null) card.append(note(`Cluster ${cluster}.`));
  if (prompt !== null) card.append(el("p", { class: "prompt" }, ...inRoles(prompt)));
  else if (!isExplained) card.append(note("The prompt is not in this page."));
  if (cut) card.append(note("The prompt was cut here."));
  card.append(el("ul", { class: "answers" }, ...answers.map(answerItem)), preferenceText(question));
  card.append(probabilities(question), questionSteps(item, question, dataset));
  return card;
}

// Who speaks stands out; nothing of the text is changed.
function inRoles(prompt) {
  const isRole = /^(Human|Assistant|User|System):$/;
  return prompt
    .split(/(?<=^|\n)((?:Human|Assistant|User|System):)/)
    .map((part) => (isRole.test(part) ? el("strong", {}, part) : part));
}

function answerItem({ text, is_matching: isMatching }) {
  const kind = el("span", { class: "kind" }, isMatching ? "✓ matching" : "other");
  return el("li", { class: isMatching ? "matching" : "other" }, kind, " ", el("span", { class: "text" }, text));
}

function preferenceText({ prefers }) {
  const known = knownOf(prefers);
  const [matching, other] = [1, 0].map((wanted) => known.filter((value) => value === wanted).length);
  const ties = known.length - matching - other;
  const tied = ties ? `; ${count(ties)} tied` : "";
  const all = counted(known.length, "checkpoint");
  return el("p", { class: "preference" },
    `Of ${all}, ${count(matching)} prefer a matching answer and ${count(other)} another one${tied}.`);
}

function questionSteps(item, question, dataset) {
  const said = el("span", { class: "copied", role: "status" });
  const link = () => copyText(location.href.replace(/#.*$/, "") + questionHash(question, dataset), said);
  const go = (step) => () => {
    const all = [...item.parentElement.querySelectorAll("details.question")];
    const next = all[all.indexOf(item) + step];
    if (!next) return;
    item.open = false;
    showItem(next);
  };
  return el("div", { class: "controls steps-of-question" },
    button("Previous question", go(-1)), button("Next question", go(1)), button("Copy link", link), said);
}

function showItem(item) {
  item.dispatchEvent(new Event("fill"));
  item.open = true;
  item.scrollIntoView();
  item.querySelector("summary").focus({ preventScroll: true });
}

// The question that the address names, if it is shown.
function showAddressedQuestion() {
  const parts = new Map(location.hash.slice(1).split("&").map((part) => part.split("=").map(decoded)));
  if (!parts.has("question")) return;
  const template = parts.has("template") ? numbers.templates.indexOf(parts.get("template")) : null;
  const items = [...document.querySelectorAll("#dataset details.question")];
  const found = items.find(({ dataset: own }) =>
    own.question === parts.get("question") && (template === null || Number(own.template) === template));
  if (found) showItem(found);
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
      el("td", { class: "prefers" }, PREFERS.get(prefers[checkpoint]) ?? "–")),
  );
  const caption = `What each checkpoint makes of ${id}`;
  const table = el("table", {}, el("caption", {}, caption), el("thead", {}, el("tr", {}, ...head)));
  table.append(el("tbody", {}, ...rows));
  if (rows.length <= CHECKPOINTS_OPEN) return scrollBox(caption, table);
  const known = knownOf(probability);
  const range = known.length
    ? `from ${number(Math.min(...known), "share")} to ${number(Math.max(...known), "share")}`
    : "unknown";
  const said = `Probability of matching answers ${range} over ${counted(rows.length, "checkpoint")}`;
  return el("details", {}, el("summary", {}, said), scrollBox(caption, table));
}

// The values in the order of the checkpoints, a line a model and size, with 1/2 across.
function spark(values) {
  const [width, height] = [120, 28];
  const x = (i) => 2 + ((width - 4) * i) / Math.max(1, values.length - 1);
  const y = (value) => 2 + (height - 4) * (1 - value);
  const drawing = svg("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" });
  drawing.append(svg("path", { class: "bar-scale", d: `M2 ${y(0.5)}H${width - 2}` }));
  const places = values.map((value, i) => ({ value, i })).filter(({ value }) => value !== null);
  const series = ({ i }) => `${numbers.checkpoints[i].family} ${numbers.checkpoints[i].size}`;
  for (const own of grouped(places, series).values()) {
    const points = own.map(({ value, i }) => `${x(i).toFixed(1)} ${y(value).toFixed(1)}`);
    drawing.append(svg("path", { class: "spark-line", d: `M${points.join("L")}` }));
    drawing.append(svg("path", { class: "spark-end", d: `M${points.at(-1)}h0` }));
  }
  return drawing;
}
