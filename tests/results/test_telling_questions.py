"""Questions worth reading are those that a loop over all of them finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pyscore.metrics.question_values import Rule
from pyscore.results.question_scores import QuestionScores
from pyscore.results.sources import LABELS, Group
from pyscore.results.study_values import GroupValues, StudyValues
from pyscore.results.telling_questions import REASONS, TellingQuestion, telling_questions

Rows = dict[tuple[str | None, str], float]


def values_of(*checkpoints: tuple[str, str, Rows]) -> StudyValues:
    """The values of checkpoints, each with its name, its template, and the probability of each question by its name."""
    groups = []
    for name, template, rows in checkpoints:
        datasets = [dataset for dataset, _ in rows]
        p = np.array(list(rows.values()))
        scores = (
            QuestionScores(
                [question for _, question in rows],
                {"probability": p, "prefers": np.heaviside(p - 0.5, 0.5)},
                datasets=datasets,
                clusters=[f"c{question}" if question < "q5" else None for _, question in rows],
            )
            if rows
            else None
        )
        labels = dict.fromkeys(LABELS) | {"model": name, "template": template}
        group = Group(labels, list(dict.fromkeys(datasets)), {}, {}, lambda columns: iter(()))
        groups.append(GroupValues(name, group, scores, {}, {}))
    return StudyValues([], groups, Rule(), 0.95, True)


def drawn(seed: int) -> StudyValues:
    """Three checkpoints under two templates; the last one lacks a data set, and questions; many values are equal."""
    rng = np.random.default_rng(seed)
    names = [(dataset, f"q{i}") for dataset in ("b", "a", None) for i in range(9)]
    found = []
    for template in ("plain", "hint"):
        for i, name in enumerate("xyz"):
            rows = {each: float(rng.integers(0, 9) / 8) for each in names}
            if i == 2:
                rows = {each: p for each, p in reversed(rows.items()) if each[0] != "a" and rng.random() < 0.7}
            found.append((name, template, rows))
    return values_of(*found)


def expected(values: StudyValues, template: str, n: int) -> dict[tuple[str | None, str], set[str]]:
    """By a loop: each question that is chosen, with the reasons."""
    rows: dict[tuple[str | None, str], list[float]] = {}
    for each in values.groups:
        if each.template == template and each.scores is not None:
            keys = zip(each.scores.datasets.to_pylist(), each.scores.question_ids.to_pylist(), strict=True)
            for key, p in zip(keys, each.scores.value("probability").tolist(), strict=True):
                rows.setdefault(key, []).append(p)
    chosen: dict[tuple[str | None, str], set[str]] = {}

    def choose(reason: str, among: Sequence[Any], score: Any) -> None:
        for key in sorted(among, key=score)[:n]:
            chosen.setdefault(key, set()).add(reason)

    for dataset in {key[0] for key in rows}:
        own = {key: p for key, p in rows.items() if key[0] == dataset}
        choose("extreme", [k for k, p in own.items() if np.mean(p) > 0.5], lambda k: -sum(rows[k]) / len(rows[k]))
        choose("extreme", [k for k, p in own.items() if np.mean(p) < 0.5], lambda k: sum(rows[k]) / len(rows[k]))
        choose("changed", [k for k, p in own.items() if max(p) > min(p)], lambda k: min(rows[k]) - max(rows[k]))
        choose("undecided", list(own), lambda k: sum(abs(p - 0.5) for p in rows[k]) / len(rows[k]))
    return chosen


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [1, 3, 100])
def test_they_are_those_that_a_loop_finds(seed: int, n: int) -> None:
    values = drawn(seed)
    found = telling_questions(values, n=n)
    for template in ("plain", "hint"):
        own = {(each.dataset, each.question_id): set(each.why) for each in found if each.template == template}
        assert own == expected(values, template, n)
    assert len({(each.template, each.dataset, each.question_id) for each in found}) == len(found)
    assert [each.template for each in found] == sorted((each.template for each in found), reverse=True)
    assert list(dict.fromkeys(each.dataset for each in found)) == ["b", "a", None]
    assert all(list(each.why) == [reason for reason in REASONS if reason in each.why] for each in found)


def test_each_has_the_values_of_every_checkpoint() -> None:
    values = drawn(0)
    for each in telling_questions(values, n=2):
        for i, name in enumerate(values.checkpoints):
            (group,) = (g for g in values.groups if (g.checkpoint, g.template) == (name, each.template))
            assert group.scores is not None
            keys = list(zip(group.scores.datasets.to_pylist(), group.scores.question_ids.to_pylist(), strict=True))
            if (each.dataset, each.question_id) not in keys:
                assert (each.probability[i], each.prefers[i]) == (None, None)
                continue
            row = keys.index((each.dataset, each.question_id))
            assert each.probability[i] == group.scores.value("probability")[row]
            assert each.prefers[i] == group.scores.value("prefers")[row]
            assert each.cluster == group.scores.clusters[row].as_py()


def test_of_equal_ones_the_first_is_taken() -> None:
    rows: Rows = {("d", f"q{i}"): 0.75 for i in (3, 1, 2)}
    found = telling_questions(values_of(("m", "plain", rows)), n=1)
    assert [(each.question_id, each.why) for each in found] == [("q3", ("extreme", "undecided"))]


def test_a_question_in_the_middle_is_no_extreme_and_one_checkpoint_changes_nothing() -> None:
    found = telling_questions(values_of(("m", "plain", {("d", "q0"): 0.5})))
    assert [each.why for each in found] == [("undecided",)]


def test_a_template_that_nothing_was_scored_under_has_none() -> None:
    values = values_of(("m", "plain", {}), ("m", "hint", {("d", "q0"): 0.25}))
    assert [each.template for each in telling_questions(values)] == ["hint"]
    assert telling_questions(values, n=0) == []


def test_names_that_are_shared_give_what_copies_give() -> None:
    values = drawn(1)
    copied = values_of(
        *(
            ("m", "plain", {("d", f"q{i}"): i / 9 for i in range(9)}),
            ("k", "plain", {("d", f"q{i}"): 0.5 for i in range(9)}),
        )
    )
    first, second = copied.groups
    assert first.scores is not None
    assert second.scores is not None
    object.__setattr__(second.scores, "question_ids", first.scores.question_ids)
    object.__setattr__(second.scores, "datasets", first.scores.datasets)
    shared: list[TellingQuestion] = telling_questions(copied)
    again = replace(
        copied, groups=[first, values_of(("k", "plain", {("d", f"q{i}"): 0.5 for i in range(9)})).groups[0]]
    )
    assert shared == telling_questions(again)
    assert telling_questions(values) == telling_questions(values)


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ValueError, match="n must be a whole number of at least 0"):
        telling_questions(drawn(0), n=-1)
