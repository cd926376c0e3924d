// Opening: the overview is drawn at once, every other section when it is scrolled to or named by the address.

const SECTIONS = {
  "two-numbers": drawTwoNumbers,
  behaviour: drawBehaviour,
  comparison: drawComparison,
  warnings: drawWarnings,
  calibration: drawCalibration,
  dataset: drawDataset,
  provenance: drawProvenance,
};

const drawn = new Map();

function bodyOf(id) {
  return document.querySelector(`#${id} > .body`);
}

// A section is drawn once; a fault in it is said in its place, and leaves the others be.
function drawSection(id) {
  if (!SECTIONS[id]) return Promise.resolve();
  if (!drawn.has(id)) drawn.set(id, drawOnce(id));
  return drawn.get(id);
}

async function drawOnce(id) {
  const section = document.getElementById(id);
  try {
    await SECTIONS[id](bodyOf(id));
  } catch (error) {
    bodyOf(id).replaceChildren(note(`This section could not be drawn: ${error.message}`));
    console.error(error);
  }
  section.dataset.drawn = "true";
}

// The section above is drawn as well: else it would grow while the reader looks at its neighbour, and push it away.
async function goTo(id) {
  const section = document.getElementById(id);
  await Promise.all([section.previousElementSibling.id, id].map(drawSection));
  section.scrollIntoView();
  section.querySelector("h2").focus({ preventScroll: true });
  const there = scrollY;
  await drawing;
  if (scrollY === there) section.scrollIntoView();
}

// An address that was cut in a message is shown as it came.
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function route() {
  const hash = location.hash.slice(1);
  if (hash.startsWith("dataset=")) {
    await showDataset(decoded(hash.slice("dataset=".length)));
    await goTo("dataset");
    showAddressedQuestion();
    return;
  }
  if (opener) returnFocus();
  else if (SECTIONS[hash]) await goTo(hash);
}

// What can be drawn without waiting is drawn before the page is printed; the button waits for all of it.
async function printAll() {
  while (waiting.size) await comeNear(waiting.keys().next().value);
  await drawing;
  window.print();
}

async function main() {
  const failure = document.getElementById("failure");
  if (typeof DecompressionStream === "undefined") {
    failure.textContent =
      "This browser can't unpack the data of this page: it lacks DecompressionStream, which Chrome and Edge have " +
      "since 80, Safari since 16.4 and Firefox since 113. Only the averages are shown; open the file in a newer one.";
    failure.hidden = false;
    return;
  }
  try {
    numbers = await block("numbers");
    drawOverview(bodyOf("overview"));
  } catch (error) {
    failure.textContent = `This page could not be drawn: ${error.message}`;
    failure.hidden = false;
    throw error;
  }
  document.body.dataset.ready = "true";
  for (const id of Object.keys(SECTIONS)) whenNear(document.getElementById(id), () => drawSection(id));
  window.addEventListener("hashchange", route);
  window.addEventListener("beforeprint", () => Object.keys(SECTIONS).forEach(drawSection));
  document.getElementById("print").addEventListener("click", printAll);
  document.getElementById("print").hidden = false;
  await route();
}

main();
