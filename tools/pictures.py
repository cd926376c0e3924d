"""Draw the pictures of the pages anew, from numbers that pyscore computes: `python -m tools.pictures`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import pyscore
from pyscore import report
from pyscore.report.charts import build
from pyscore.report.charts.palette import BLUE, BROWN, config
from pyscore.report.charts.two_numbers import story

__all__ = ["EXAMPLES", "PICTURES", "summary_of"]

FOLDER = Path(__file__).parent.parent / "docs" / "images"

EXAMPLES = {
    "a little, always": (0.52, 0.53, 0.54, 0.55, 0.56, 0.56, 0.57, 0.58, 0.59, 0.60),
    "seldom, but sure": (0.38, 0.40, 0.41, 0.42, 0.43, 0.44, 0.46, 0.95, 0.97, 0.99),
    "often, and sure": (0.06, 0.45, 0.71, 0.80, 0.85, 0.89, 0.92, 0.94, 0.96, 0.98),
}
"""The probability of the matching answer in ten questions with two answers each."""


def summary_of(probability: Any) -> pyscore.Summary:
    """What pyscore says of questions with two answers, the first of which matches, with these probabilities of it."""
    p = np.asarray(probability, np.float64)
    logprob = np.log(np.stack([p, 1 - p], axis=1)).ravel()
    offsets = np.arange(0, 2 * len(p) + 1, 2)
    return pyscore.summarize(pyscore.compare_answers(logprob, offsets, np.tile([True, False], len(p))))


def ten_questions() -> Any:
    """The questions of each example as dots over their probability, with both numbers beside them."""
    import altair as alt

    dots = [{"name": name, "p": p, "wins": p > 0.5} for name, own in EXAMPLES.items() for p in own]
    found = {name: summary_of(own) for name, own in EXAMPLES.items()}
    numbers: list[dict[str, Any]] = [
        {
            "name": name,
            "mean": each.mean_probability.value,
            "told": [
                f"mean probability {each.mean_probability.value:.3g}",
                f"preference rate {each.preference_rate.value:.2g}",
            ],
        }
        for name, each in found.items()
    ]
    y = alt.Y(
        "name:N", title=None, sort=None, axis=alt.Axis(domain=False, ticks=False, labelPadding=8, labelFontSize=12)
    )
    x = alt.X("p:Q", title="probability of the matching answer (grey: its mean)", scale=alt.Scale(domain=[0, 1]))
    wins = alt.Scale(domain=[True, False], range=[BROWN, BLUE])
    shapes = alt.Scale(domain=[True, False], range=["circle", "diamond"])
    named: dict[str, Any] = {
        "title": "the matching answer",
        "legend": alt.Legend(labelExpr="datum.value ? 'wins' : 'loses'"),
    }
    means = alt.Chart(alt.InlineData(values=numbers))
    layers = [
        alt.Chart(alt.InlineData(values=[{"p": 0.5}])).mark_rule(color="#7a7a7a", strokeDash=[4, 3]).encode(x=x),
        alt.Chart(alt.InlineData(values=dots))
        .mark_point(filled=True, size=45, opacity=1)
        .encode(x, y, color=alt.Color("wins:N", scale=wins, **named), shape=alt.Shape("wins:N", scale=shapes, **named)),
        means.mark_tick(color="#7a7a7a", opacity=1, thickness=3, size=34).encode(x="mean:Q", y=y),
        means.mark_text(align="left", dx=12).encode(x=alt.value("width"), y=y, text="told:N"),
    ]
    said = "; ".join(f"{row['name']}: {', '.join(row['told'])}" for row in numbers)
    return alt.LayerChart(
        layer=layers,
        width=360,
        height=alt.Step(56),
        config=config("both"),
        description=f"Ten questions of three data sets by the probability of the matching answer. {said}.",
    )


def many_data_sets() -> Any:
    """The chart of both numbers for made data sets of 300 questions: from hardly to very sure, about 0 or not."""
    rng = np.random.default_rng(4)
    rows = []
    for i in range(24):
        centre, spread = rng.normal(0, 0.7), (0.4, 1.2, 2.5)[i % 3]
        log_odds = rng.normal(centre, spread, 300)
        if i % 5 == 2:  # seldom, but sure; or often, but barely, and sure where not
            sure = rng.random(300) < rng.uniform(0.3, 0.42)
            log_odds = np.where(sure, rng.normal(4, 0.7, 300), rng.normal(-0.4, 0.2, 300)) * (1 if i % 2 else -1)
        found = summary_of(1 / (1 + np.exp(-log_odds)))
        row: dict[str, Any] = {"dataset": f"behaviour {i + 1}", "template": "", "checkpoint": "made", "n": 300}
        for name in ("mean_probability", "preference_rate"):
            estimate = getattr(found, name)
            row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
        rows.append({**row, "story": story(row)})
    return build("two_numbers", rows)


PICTURES = {"two_numbers.svg": ten_questions, "two_numbers_of_data_sets.svg": many_data_sets}
"""Every picture of the pages, by its name in docs/images."""


def main(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name, draw in PICTURES.items():
        report.save(draw(), folder / name)
        print(f"wrote {folder / name}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where they are written")
    main(parser.parse_args().folder)
