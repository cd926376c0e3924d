"""What the report of a large study costs to write and to open: `python -m tools.report_scale`.

A study is made up (`tools.report_study`), its report is written in a process of its own, and opened in a headless
Chromium, each time in a context of its own. Times of the browser are those of its own clock:

- *opening*: from the start of the navigation until the overview is drawn and `body` says so.
- *sorting*, *filtering*: from the press of a key until the second frame after it, so that what it changed is painted.
- *comparison*: from going there until its tables and its chart are drawn, which is the first one of the page: Vega is
  unpacked and run before.
- *data set*: from going there until its questions are shown; its charts follow.

Other programs on the machine lengthen all of them, and the time of writing; CPU time less.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.report.browser import browser_path, launched, opened, watched
from tools.coverage import markdown
from tools.report_study import made_up_study
from tools.sweep_scale import machine

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["main", "measure_page", "measure_writing"]

RESULTS = Path("benchmarks/results/report.json")
TIMES = 5

_NOTE_READY = """new MutationObserver(() => {
    if (document.body?.dataset.ready && !window.readyAt) window.readyAt = performance.now();
}).observe(document, {subtree: true, attributes: true, attributeFilter: ["data-ready"]});"""
_PAINTED = """async () => {
    const begun = performance.now();
    ACT;
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    return performance.now() - begun;
}"""
_SORT = "document.querySelector('#overview .data-table th[data-key=mean_probability] button').click()"
_FILTER = """const field = document.querySelector('#overview input[type=search]');
    field.value = 'topic 7'; field.dispatchEvent(new Event('input', {bubbles: true}))"""
_GO = """async ([address, first]) => {
    const begun = performance.now();
    location.hash = address;
    while (!document.querySelector(first)) await new Promise(requestAnimationFrame);
    return performance.now() - begun;
}"""


def measure_writing(study: str, page: str) -> dict[str, float]:
    """Write the report of a study; to be called in a new process, whose memory is measured."""
    from pyscore.report import write

    before = _peak()
    begun, used = time.perf_counter(), time.process_time()
    write(study, page)
    seconds, used = time.perf_counter() - begun, time.process_time() - used
    return {"seconds": seconds, "cpu_seconds": used, "mib_before": before, "mib_at_peak": _peak()}


def _peak() -> float:
    """MiB; what `getrusage` tells of a new process is that of the process that made it, where that held more."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 2**10


def measure_page(path: Path, times: int = TIMES) -> dict[str, Any]:
    """What a page weighs, block by block, and what a browser takes to do with it, each time in milliseconds.

    Raises:
        RuntimeError: the page reported an error, so that it measures nothing.
    """
    found: dict[str, Any] = {"bytes": _bytes(path.read_text("utf-8"))}
    chosen = browser_path()
    if chosen is None:
        raise RuntimeError("no Chromium found: `make browser` installs one, or says how")
    every: dict[str, list[float]] = {}
    with launched(chosen) as browser:
        found["chromium"] = browser.version
        for _ in range(times):
            with watched(browser, path) as (context, faults):
                context.add_init_script(_NOTE_READY)
                page = opened(context, path)
                page.wait_for_selector("body[data-ready]", timeout=120_000)
                for name, took in _used(page).items():
                    every.setdefault(name, []).append(took)
            if faults.told:
                raise RuntimeError(f"{path} reported {faults.told[0]}: its times mean nothing")
    found["milliseconds"] = every
    return found


def _used(page: Page) -> dict[str, float]:
    """What each use of a page that was just opened takes, in milliseconds."""
    found: dict[str, float] = {"opening": page.evaluate("window.readyAt")}
    address = page.locator("#overview a.dataset-link").first.get_attribute("href")
    for name, act in {"sorting": _SORT, "filtering": _FILTER}.items():
        found[name] = page.evaluate(_PAINTED.replace("ACT", act))
    found["comparison"] = page.evaluate(_GO, ["comparison", "#comparison figure[data-drawn]"])
    found["data set"] = page.evaluate(_GO, [address, "#dataset .question"])
    return found


def _bytes(text: str) -> dict[str, int]:
    blocks = re.findall(r'<script type="text/plain"[^>]* data-block="([^"]+)"[^>]*>([^<]*)<', text)
    packed = {name: len(block) for name, block in blocks}
    drill = sum(size for name, size in packed.items() if name.startswith("dataset-"))
    return {"all": len(text.encode()), "without data sets' questions": len(text.encode()) - drill, **packed}


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", nargs="?", type=Path, default=RESULTS, help="the JSON; the Markdown is beside it")
    parser.add_argument("--checkpoints", type=int, default=20)
    parser.add_argument("--datasets", type=int, default=150)
    parser.add_argument("--questions", type=int, default=1000, help="of each data set")
    options = parser.parse_args()
    sizes = {"checkpoints": options.checkpoints, "datasets": options.datasets, "questions": options.questions}
    found: dict[str, Any] = {"about": machine("pyarrow", "altair", "vl-convert-python"), "sizes": sizes}
    with tempfile.TemporaryDirectory() as name:
        study, page = made_up_study(Path(name), **sizes), Path(name) / "report.html"
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found["writing"] = pool.apply(measure_writing, (study.output, str(page)))
        print(json.dumps(found["writing"]), flush=True)
        found |= measure_page(page)
    found["about"]["chromium"] = found.pop("chromium")
    print(json.dumps(found["milliseconds"]))
    options.path.write_text(json.dumps(found, indent=1) + "\n")
    options.path.with_suffix(".md").write_text(_markdown(found))


def _markdown(found: Mapping[str, Any]) -> str:
    """The results as tables."""
    sizes, size, writing = found["sizes"], found["bytes"], found["writing"]
    of = f"{sizes['checkpoints']:,} checkpoints x {sizes['datasets']} data sets of {sizes['questions']:,} questions"
    about = ", ".join(f"{name} {value}" for name, value in found["about"].items())
    blocks = ("numbers", "differences", "calibration", "vega")
    facts = [
        ["written in, s", f"{writing['seconds']:.1f}"],
        ["CPU time of it, s", f"{writing['cpu_seconds']:.1f}"],
        ["MiB before, at the peak", f"{writing['mib_before']:.0f}, {writing['mib_at_peak']:.0f}"],
        *([f"MB, {name}", f"{size[name] / 1e6:.2f}"] for name in ("all", "without data sets' questions", *blocks)),
    ]
    times = [[name, f"{statistics.median(own):.0f}"] for name, own in found["milliseconds"].items()]
    parts = ["# report", f"{of}. {about}.", markdown([["the file", ""], *facts])]
    parts += [markdown([[f"in a browser, ms, median of {TIMES}", ""], *times]), _about()]
    return "\n\n".join(parts) + "\n"


def _about() -> str:
    return "\n".join(__doc__.split("\n\n", 1)[1].splitlines())


if __name__ == "__main__":
    main()
