"""What rows say prints and is shown in notebooks under the names of what it is of."""

from __future__ import annotations

import math
import pickle
from typing import Any

from pyscore.results import RowsSummaries, compare_runs, summarize_rows
from tests.metrics.core.test_shown import HOSTILE, Page
from tests.store.tables import pair, table


def rows(n: int, probability: float, **columns: Any) -> list[dict[str, Any]]:
    found = []
    for i in range(n):
        p = probability + (0.05 if i % 2 else -0.05)
        found += pair(math.log(p), math.log(1 - p), question_id=f"q{i}", **columns)
    return found


NAME = HOSTILE.replace("\udce9", "")


def summaries() -> RowsSummaries:
    first = rows(4, 0.8, dataset="a", model=NAME, revision="r", step=3)
    return summarize_rows(table([*first, *rows(1, 0.3, dataset=NAME, model=NAME, revision="r", step=3)]))


def test_a_summary_of_rows_shows_what_it_is_of_and_the_lines_of_its_summary() -> None:
    for found in summaries():
        lines = str(found).splitlines()
        part = found.dataset or f"{found.scope} average"
        assert lines[0].startswith(f"{NAME}, r, step 3, {part}: {found.summary.n_questions} questions")
        assert lines[1:] == str(found.summary).splitlines()[1:]
        assert Page(found._repr_html_()).words == str(found).split()


def test_what_is_to_be_read_with_care_is_told_before_the_signature() -> None:
    (found,) = summarize_rows(table(rows(4, 0.8, cluster="one", boundary="merged")))
    lines = str(found).splitlines()
    assert lines[-3].startswith("4 of 4 questions: a token spans the join")
    assert lines[-2].startswith("one cluster: ")
    assert lines[-1] == found.summary.signature
    assert Page(found._repr_html_()).words == str(found).split()


def test_several_summaries_are_a_list_that_prints_as_a_table() -> None:
    found = summaries()
    assert isinstance(found, list) and found == list(found) and found[1:] == list(found)[1:]
    again = pickle.loads(pickle.dumps(found))
    assert repr(found) == repr(list(found)) == repr(again) and str(again) == str(found)
    page = Page(found._repr_html_())
    assert page.words == str(found).split()
    lines = str(found).splitlines()[2:-1]
    for line, each in zip(lines, found, strict=True):
        assert str(each.summary.n_questions) in line
        for estimate in (each.summary.mean_probability, each.summary.preference_rate):
            interval = f"[{estimate.low:.4f}, {estimate.high:.4f}]" if not estimate.reason else f"({estimate.reason})"
            assert f"{estimate.value:.4f}" in line and interval in line
    assert page.words[-1] == found[0].summary.signature


def test_no_summary_and_summaries_of_several_confidences_can_be_shown() -> None:
    assert Page(RowsSummaries()._repr_html_()).words == str(RowsSummaries()).split() == ["0", "summaries"]
    other = summarize_rows(table(rows(4, 0.8)), confidence=0.9)
    header = str(RowsSummaries([*summaries(), *other])).splitlines()[1]
    assert header.split().count("interval") == 2 and "%" not in header


def test_differences_of_runs_show_their_tables_reasons_and_notes() -> None:
    first, other = table(rows(3, 0.5)), table(rows(3, 0.6, model=NAME))
    found = compare_runs(first, other, names=["a", NAME])
    assert Page(found._repr_html_()).words == str(found).split()
    assert "reason" not in str(found)
    single = compare_runs(table(rows(1, 0.5)), table(rows(1, 0.6)), names=["a", "b"])
    reason = single.differences[0].mean_probability.difference.reason
    assert reason and reason in str(single)
    assert Page(single._repr_html_()).words == str(single).split()
