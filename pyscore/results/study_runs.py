"""The checkpoints of a study as runs to compare: which is compared with which, and the scores of one at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from pyscore.metrics import Answers
from pyscore.metrics.question_values import Rule, compare
from pyscore.results.comparison import NORMALIZATIONS
from pyscore.results.question_counts import COUNTED, Marks, QuestionCounts, counts_of, marks_of
from pyscore.results.question_scores import SCORES, AnswerTexts, QuestionScores
from pyscore.results.run_answers import COLUMNS
from pyscore.results.sources import NOT_SCORED, Group
from pyscore.store.bounded import BoundsError, lower_bounds
from pyscore.store.grouping import group_rows, nested_masks

__all__ = ["Checkpoint", "Curve", "Read", "checkpoints_of", "curves_of", "name_of", "names_of", "read_group"]

_KEY = ("dataset", "question_id")
_SHOWN = 5  # names that a message lists


class Checkpoint(NamedTuple):
    """A checkpoint of a study.

    Attributes:
        name: what the study calls it: name, revision and step.
        groups: its rows under each template, by the template's name.
    """

    name: str
    groups: dict[str, Group]

    @property
    def labels(self) -> Mapping[str, Any]:
        """Those of any of its groups, which differ in the template alone."""
        return next(iter(self.groups.values())).labels


class Curve(NamedTuple):
    """Checkpoints that are compared with one of them, each of the others by itself."""

    first: Checkpoint
    others: list[Checkpoint]


class Read(NamedTuple):
    """The scores of a checkpoint under a template.

    Attributes:
        scores: of the data sets that can be used; None where there is none.
        lacking: the data sets that can't be used, each with the reason.
        counts: of each data set that can be used, where they were asked for.
    """

    scores: QuestionScores | None
    lacking: Mapping[str | None, str]
    counts: Mapping[str | None, QuestionCounts] = MappingProxyType({})


def checkpoints_of(groups: Sequence[Group], template: str | None) -> list[Checkpoint]:
    """The checkpoints, in the study's order, under one template or all.

    Raises:
        ValueError: no template of that name.
    """
    known = list(dict.fromkeys(str(group.labels["template"]) for group in groups))
    if template is not None and template not in known:
        raise ValueError(f"template {template!r} is none of the study's, which are {', '.join(map(repr, known))}")
    found: dict[str, dict[str, Group]] = {}
    for group in groups:
        of = group.labels
        if template in (None, of["template"]):
            found.setdefault(name_of(of), {})[str(of["template"])] = group
    return [Checkpoint(name, own) for name, own in found.items()]


def curves_of(checkpoints: Sequence[Checkpoint], against: str | None) -> tuple[list[Curve], list[str]]:
    """What is compared with what, and what a reader should know of it.

    Training steps of one family, size and tags are compared with their first one; checkpoints without a step with the
    first of their family that has none.

    Args:
        checkpoints: of a study.
        against: the name of the checkpoint to compare all others with, instead.

    Raises:
        ValueError: no checkpoint of that name, or none to compare with another.
    """
    if against is not None:
        chosen = [each for each in checkpoints if each.name == against]
        if not chosen:
            known = [each.name for each in checkpoints]
            listed = "; ".join(known[:_SHOWN]) + (f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else "")
            raise ValueError(f"against={against!r} is no checkpoint of the study, which has {listed}")
        curves = [Curve(chosen[0], [each for each in checkpoints if each.name != against])]
    else:
        curves = _default_curves(checkpoints)
    notes = [
        f"{curve.first.name} is compared with none: it is the only checkpoint {_kind(curve.first)}; name one to "
        "compare all others with: against=NAME (--against NAME)"
        for curve in curves
        if not curve.others
    ]
    compared = [curve for curve in curves if curve.others]
    if not compared:
        raise ValueError("the study has no two checkpoints to compare: " + notes[0])
    return compared, notes


def read_group(group: Group, rule: Rule, *, counted: bool = False, texts: bool = False) -> Read:
    """The scores of a checkpoint under a template, batch by batch: one entry a question is kept, and no answer.

    ``counted`` counts, besides, the questions of which something has to be said.

    The texts of answers are read where ``texts`` says so: a study needs none, for it holds only rows of the questions
    that it names, whoever answered them. Data sets in which log-probabilities are known between bounds alone can't be
    used, and are lacking.

    Raises:
        ValueError: damaged rows; the message names the checkpoint.
    """
    try:
        try:
            return _read(group, rule, {}, counted=counted, texts=texts)
        except BoundsError:
            return _read(group, rule, _bounded(group), counted=counted, texts=texts)
    except ValueError as error:
        raise ValueError(f"{group.name}: {error}") from None


def _bounded(group: Group) -> dict[str | None, str]:
    """The data sets with log-probabilities that aren't exact, each with what is said of it."""
    n_questions, n_bounded = Counter[str | None](), Counter[str | None]()
    for table in group.scan(COLUMNS):
        order, offsets = group_rows(table, key=_KEY, bounds=True)
        names = np.array(table["dataset"].take(order[offsets[:-1]]).to_pylist(), object)
        low = lower_bounds(table)
        n_questions.update(names.tolist())
        if low is not None:
            n_bounded.update(names[np.logical_or.reduceat((low != table["logprob"].to_numpy())[order], offsets[:-1])])
    return {
        name: f"bounds: {n} of {n_questions[name]} questions have log-probabilities that aren't exact"
        for name, n in n_bounded.items()
    }


def _read(group: Group, rule: Rule, bounded: Mapping[str | None, str], *, counted: bool, texts: bool) -> Read:
    """`read_group`, without the data sets that have bounds."""
    import pyarrow as pa

    length = NORMALIZATIONS[rule.normalize]
    lengths = () if length is None else (length,)
    told = COUNTED if counted else ()
    marks: list[Marks] = []
    columns: dict[str, list[Any]] = {name: [] for name in ("dataset", "question_id", "cluster")}
    values: dict[str, list[Any]] = {name: [] for name in SCORES}
    asked: list[AnswerTexts] = []
    for table in group.scan((*COLUMNS, *lengths, *told, *(("answer",) if texts else ()))):
        if bounded:
            table = table.filter(pa.array([name not in bounded for name in table["dataset"].to_pylist()], pa.bool_()))
        if not table.num_rows:
            continue
        order, offsets = group_rows(table, key=_KEY)
        numbers = {name: table[name].to_numpy()[order] for name in ("logprob", "is_matching", *lengths)}
        answers = Answers(question_offsets=offsets, **numbers, **nested_masks(table, order, offsets))
        compared = compare(answers, rule)
        firsts = pa.array(order[offsets[:-1]])
        for column, chunks in columns.items():
            chunks += table[column].take(firsts).chunks
        for field, parts in values.items():
            parts.append(getattr(compared, field))
        if counted:
            marks.append(marks_of(table, order, offsets))
        if texts:
            own = table["answer"].take(pa.array(order)).combine_chunks()
            asked.append(AnswerTexts(offsets, own, numbers["is_matching"]))
    strings = {name: pa.chunked_array(chunks, pa.string()).combine_chunks() for name, chunks in columns.items()}
    has_rows = set(strings["dataset"].unique().to_pylist())
    lacking = {**group.lacking, **bounded}
    for dataset in group.datasets:
        if dataset not in has_rows:
            lacking.setdefault(dataset, "no question can be scored" if group.skipped.get(dataset) else NOT_SCORED)
    if not has_rows:
        return Read(None, lacking)
    skipped = sum(n for name, n in group.skipped.items() if name not in lacking)
    scores = QuestionScores(
        question_ids=strings["question_id"],
        values={name: np.concatenate(parts) for name, parts in values.items()},
        datasets=strings["dataset"],
        clusters=strings["cluster"],
        answers=_joined(asked) if texts else None,
        model=group.labels["model"],
        revision=group.labels["revision"],
        step=group.labels["step"],
        metadata=group.metadata,
        notes=[f"{skipped} questions are not among its rows, for they couldn't be scored"] if skipped else (),
    )
    return Read(scores, lacking, counts_of(scores.datasets, marks) if counted else {})


def _joined(parts: Sequence[AnswerTexts]) -> AnswerTexts:
    """The answers of all parts, one after the other."""
    import pyarrow as pa

    counts = np.concatenate([np.diff(part.offsets) for part in parts])
    return AnswerTexts(
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        texts=pa.chunked_array([part.texts for part in parts], pa.string()).combine_chunks(),
        is_matching=np.concatenate([part.is_matching for part in parts]),
    )


def name_of(labels: Mapping[str, Any]) -> str:
    """As a sweep calls a checkpoint, which is another name for each of a study."""
    model, revision, step = (labels[key] for key in ("model", "revision", "step"))
    shown = None if revision == f"step{step}" else revision
    return ", ".join(part for part in (model, shown, None if step is None else f"step {step}") if part)


def names_of(groups: Sequence[Group]) -> list[str]:
    """What the checkpoint of each group is called: `name_of`, by which each template has one group of a name.

    Runs that no study tells apart, and checkpoints of two studies, may be called the same. Later ones get a number.
    """
    own = [name_of(group.labels) for group in groups]
    known, found = {*own}, list[str]()
    last: dict[tuple[str, Any], int] = {}
    for name, group in zip(own, groups, strict=True):
        key = name, group.labels["template"]
        n = last.get(key, 0) + 1
        while n > 1 and f"{name} ({n})" in known:  # which another one is called by itself
            n += 1
        last[key] = n
        found.append(name if n == 1 else f"{name} ({n})")
    return found


def _kind(checkpoint: Checkpoint) -> str:
    """What checkpoints of its curve have in common, for a message."""
    if checkpoint.labels["step"] is None:
        return "of its family that has no step"
    return "of its family, size and tags that has a step"


def _default_curves(checkpoints: Sequence[Checkpoint]) -> list[Curve]:
    found: dict[Any, list[Checkpoint]] = {}
    for each in checkpoints:
        of = each.labels
        key = (of["family"],) if of["step"] is None else (of["family"], of["size"], of["tags"])
        found.setdefault(key, []).append(each)
    curves = []
    for own in found.values():
        own.sort(key=lambda each: each.labels["step"] or 0)
        for before, after in pairwise(own):
            if before.labels["step"] is not None and before.labels["step"] == after.labels["step"]:
                raise ValueError(
                    f"{before.name} and {after.name} have one step, family, size and tags: give each its own family, "
                    "or tags that tell them apart, or name one to compare all others with: against=NAME (--against)"
                )
        curves.append(Curve(own[0], own[1:]))
    return curves
