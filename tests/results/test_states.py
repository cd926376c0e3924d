"""Sums of each data set of a table are those of its rows alone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from pyscore.results import summarize_rows
from pyscore.results.states import states_of_rows
from tests.engine.fake_source import fake_scorer
from tests.engine.tiny import some_questions


def some_rows(clusters: int) -> pa.Table:
    from dataclasses import replace

    questions = [
        replace(question, dataset=name, cluster=f"c{i % clusters}" if clusters else None)
        for name, n in (("b", 9), ("a", 5), ("c", 12))
        for i, question in enumerate(some_questions(n))
    ]
    return fake_scorer("fake").score(questions, progress=False)


@pytest.mark.parametrize("clusters", [0, 1, 3])
@pytest.mark.parametrize("shuffled", [False, True])
def test_each_data_set_has_the_summary_of_its_rows(clusters: int, shuffled: bool) -> None:
    table = some_rows(clusters)
    if shuffled:
        table = table.take(np.random.default_rng(0).permutation(table.num_rows))
    expected = {each.dataset: each.summary for each in summarize_rows(table) if each.scope == "dataset"}
    found = {name: state.summarize() for name, state in states_of_rows(table).items()}
    assert found.keys() == expected.keys()
    for name, summary in found.items():
        for field in ("mean_probability", "preference_rate", "mean_log_odds", "tie_rate"):
            ours, theirs = getattr(summary, field), getattr(expected[name], field)
            for part in ("value", "stderr", "low", "high"):
                assert getattr(ours, part) == pytest.approx(getattr(theirs, part), rel=1e-9, abs=1e-12, nan_ok=True)
        assert (summary.n_questions, summary.chance) == (expected[name].n_questions, expected[name].chance)
