// How often the preferred answer matches, by the confidence in it. The same view serves all questions and one data set.

const CALIBRATED_AT_ONCE = 3;

async function drawCalibration(body) {
  if (!hasBlock("calibration")) {
    body.replaceChildren(note("This page holds no calibration."));
    return;
  }
  body.replaceChildren(note("Unpacking the calibration…"));
  const { cells } = await block("calibration");
  calibrationView(body, cells, "all questions (pooled)", "h3");
}

// `cells` are those of one scope, a line a checkpoint and template; `heading` is the level of what is drawn.
function calibrationView(body, cells, place, heading) {
  if (!cells.length) {
    body.replaceChildren(note("There is no calibration here: too few questions, or no probabilities."));
    return;
  }
  const templates = [...new Set(cells.map((cell) => cell.template))];
  const picked = { checkpoints: [lastCheckpoint(), null, null], template: templates[0] };
  if (!cells.some((cell) => cell.checkpoint === picked.checkpoints[0])) picked.checkpoints[0] = cells[0].checkpoint;
  const content = el("div");
  const update = () => drawCalibrated(content, calibrated(cells, picked), place, heading);
  const pickers = Array.from({ length: Math.min(CALIBRATED_AT_ONCE, numbers.checkpoints.length) }, (_, i) =>
    checkpointPicker(i ? `and checkpoint ${i + 1}` : "Checkpoint", picked.checkpoints[i], (checkpoint) => {
      picked.checkpoints[i] = checkpoint;
      update();
    }, i ? "none" : null),
  );
  const template = templatePicker(picked.template, (value) => { picked.template = value; update(); });
  body.replaceChildren(controls("Pick", ...pickers, template), content);
  update();
}

function calibrated(cells, { checkpoints, template }) {
  const wanted = [...new Set(checkpoints.filter((checkpoint) => checkpoint !== null))];
  return wanted
    .map((checkpoint) => cells.find((cell) => cell.checkpoint === checkpoint && cell.template === template))
    .filter(Boolean);
}

function drawCalibrated(content, cells, place, heading) {
  if (!cells.length) {
    content.replaceChildren(note("Nothing was scored for this checkpoint and template."));
    return;
  }
  const [reliability, odds] = [el("div"), el("div")];
  content.replaceChildren(
    errorTable(cells, place),
    el("div", { class: "two" },
      el("div", {}, el(heading, {}, "How often the preferred answer is the matching one, by confidence"), reliability),
      el("div", {}, el(heading, {}, "Log odds of matching answers"), odds)),
  );
  const names = cells.map((cell) => checkpointName(cell.checkpoint)).join(", ");
  const bins = cells.flatMap(({ checkpoint, bins: own }) =>
    own.map(({ confidence, rate, rate_low, rate_high, n }) => ({
      confidence, rate, rate_low, rate_high, n, series: checkpointName(checkpoint),
    })),
  ).filter((row) => row.n > 0);
  if (bins.length) draw(reliability, "reliability", bins, { name: `How often the preferred answer is the matching one, by confidence, ${place}: ${names}` });
  else reliability.append(note("No questions to count."));
  const counts = cells.flatMap(oddsRows);
  if (counts.length) draw(odds, "log_odds", counts, { name: `Distribution of log odds in nats, ${place}: ${names}` });
}

function oddsRows({ checkpoint, log_odds: odds }) {
  if (!odds) return [];
  return odds.counts.map((n, i) => ({
    low: odds.edges[i],
    high: odds.edges[i + 1],
    count: n,
    series: checkpointName(checkpoint),
  }));
}

function errorTable(cells, place) {
  const columns = [
    ["ece", "Mean gap (ECE)"],
    ["calibration_error", "RMS gap (calibration error)"],
    ["brier", "Brier score"],
  ];
  const head = ["Checkpoint", "Questions", ...columns.map(([, label]) => label)].map((text, i) =>
    el("th", { scope: "col", class: i ? "number" : null }, text),
  );
  const rows = cells.map((cell) => {
    const n = cell.bins.reduce((sum, bin) => sum + bin.n, 0);
    const values = columns.map(([key]) => el("td", { class: "number" }, number(cell[key], "share")));
    const name = el("th", { scope: "row" }, checkpointName(cell.checkpoint));
    return el("tr", {}, name, el("td", { class: "number" }, count(n)), ...values);
  });
  const caption = `How far matching answers lie from confidence, ${place}`;
  const table = el("table", {}, el("caption", {}, caption), el("thead", {}, el("tr", {}, ...head)));
  table.append(el("tbody", {}, ...rows));
  return scrollBox(caption, table);
}
