// How the numbers were made: enough to make them again, and to see whether two of them can be compared.

function drawProvenance(body) {
  const { commands, checkpoints, templates, versions, notes } = numbers.provenance;
  body.replaceChildren(
    ...headed("Commands", commands.map(commandLine)),
    ...headed("Conventions", [pairs(conventions())]),
    ...headed("Metrics", [metricTable()]),
    ...headed("Checkpoints", checkpoints.length ? [factTable(checkpoints)] : []),
    ...headed("Templates", templates.map(templateText)),
    ...headed("Versions", Object.keys(versions).length ? [pairs(Object.entries(versions))] : []),
    ...notes.map(note),
  );
}

function headed(title, elements) {
  return elements.length ? [el("h3", {}, title), ...elements] : [];
}

function commandLine({ what, command }) {
  const said = el("p", {}, capitalised(what));
  return el("div", { class: "command" }, said, el("code", {}, command), copyButton(command, what));
}

function conventions() {
  const { comparison, confidence, clustered, created, pyscore_version: version } = numbers;
  return [
    ["normalisation of an answer's log-probability", comparison.normalize],
    ["how a set of answers is compared", comparison.sets],
    ["ties count", comparison.ties],
    ["confidence of intervals", percent(confidence)],
    ["questions", clustered ? "in clusters where the data sets name them" : "taken as independent"],
    ["page written", `${created} by pyscore ${version}`],
  ].filter(([, value]) => value !== null && value !== undefined);
}

function pairs(entries) {
  const list = el("dl", { class: "pairs" });
  for (const [term, value] of entries) list.append(el("div", {}, el("dt", {}, term), el("dd", {}, String(value))));
  return list;
}

function metricTable() {
  const caption = "Definition and signature of each metric";
  const head = ["Metric", "Definition", "Signature"].map((text) => el("th", { scope: "col" }, text));
  const rows = Object.values(numbers.metrics).map(({ label, definition, signature }) =>
    el("tr", {}, el("th", { scope: "row" }, label), el("td", { class: "prose" }, definition),
      el("td", { class: "signature" }, el("code", {}, signature), " ",
        copyButton(signature, `the signature of ${label}`))),
  );
  const table = el("table", {}, el("caption", {}, caption), el("thead", {}, el("tr", {}, ...head)));
  table.append(el("tbody", {}, ...rows));
  return scrollBox(caption, table);
}

// A line a checkpoint and template, a column a fact. What all lines have in common is said once, above.
function factTable(entries) {
  const names = [...new Set(entries.flatMap(({ facts }) => Object.keys(facts)))];
  const values = (name) => new Set(entries.map(({ facts }) => facts[name] ?? null));
  const common = entries.length > 1 ? names.filter((name) => values(name).size === 1) : [];
  const own = names.filter((name) => !common.includes(name));
  const columns = [
    { key: "checkpoint", label: "Checkpoint", sort: (e) => e.checkpoint,
      cell: (e) => el("th", { scope: "row" }, checkpointName(e.checkpoint)) },
    hasTemplates() && { key: "template", label: "Template", sort: (e) => templateName(e.template),
      cell: (e) => el("td", {}, templateName(e.template)) },
    ...own.map((name) => ({ key: `fact ${name}`, label: name, sort: (e) => String(e.facts[name] ?? ""),
      cell: (e) => el("td", {}, fact(e.facts[name] ?? null, name)) })),
  ].filter(Boolean);
  const shared = common.map((name) => [name, entries[0].facts[name]]);
  const caption = "What each checkpoint was scored with";
  return el("div", {}, shared.length ? pairs(shared) : "", dataTable({ caption, columns, rows: entries }).element);
}

const LONGEST_FACT = 32;

// A fingerprint is known by its first characters; all of it is there on demand and for the clipboard.
function fact(value, name) {
  if (value === null) return "–";
  const text = String(value);
  if (text.length <= LONGEST_FACT) return el("code", {}, text);
  const summary = el("summary", {}, el("code", {}, `${text.slice(0, 12)}…`));
  return el("details", { class: "fingerprint" }, summary, el("code", { class: "whole" }, text), copyButton(text, name));
}

function templateText({ name, text }) {
  return el("div", { class: "template" }, el("h4", {}, name || "(no template)"), el("pre", {}, text));
}
