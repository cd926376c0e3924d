"""`rescore`: both headline numbers, and lm-evaluation-harness's own, from samples that it logged; no model is run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pyscore.integrations.lm_eval_lines import Sample, read_sample
from pyscore.integrations.lm_eval_records import read_sample_records
from pyscore.integrations.lm_eval_targets import READINGS, Golds, accuracy, right_choices
from pyscore.integrations.lm_eval_written import is_written_out, read_written_out
from pyscore.metrics import PRESETS, Answers, Report, Summary, apply_preset, summarize
from pyscore.metrics.question_values import Rule, compare
from pyscore.ops import Comparison, checks

__all__ = ["NORMALIZATIONS", "Rescored", "read_samples", "rescore"]

NORMALIZATIONS = ("sum", "char", "byte", "pmi")
"""What samples hold enough for; they don't say how many tokens an answer has."""

_LENGTHS: dict[str, Callable[[str], int]] = {"acc_norm": len, "acc_bytes": lambda text: len(text.encode())}


@dataclass(frozen=True)
class Rescored:
    """What a file of logged samples says, as returned by `rescore`.

    Attributes:
        answers: the choices of every question, in the file's order, for `pyscore.metrics`; the right ones match.
        comparison: of right with wrong choices, one entry a question.
        summary: mean probability and preference rate with their companions.
        accuracy: what lm-evaluation-harness reports of the same choices (acc, acc_norm, acc_bytes ...), with intervals.
    """

    answers: Answers
    comparison: Comparison
    summary: Summary
    accuracy: Report

    def __str__(self) -> str:
        return f"{self.summary}\n\n{self.accuracy}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: the summary's entries, and ``accuracy``."""
        return self.summary.to_dict() | {"accuracy": self.accuracy.to_dict()}


def rescore(
    path: str | Path,
    *,
    normalize: str = "sum",
    sets: str = "max",
    ties: str = "half",
    confidence: float = 0.95,
    cluster: str | None = None,
    target_delimiter: str = " ",
    targets: str = "auto",
    filter_name: str | None = None,
) -> Rescored:
    """Both headline numbers of a multiple-choice task that lm-evaluation-harness ran with ``--log_samples``.

    The right choices are read from ``target``: an index, a choice's text, its letter, or a list of them; from the
    document's labels where it has them for these choices (TruthfulQA); and where the choices stand in the prompts
    (WinoGrande), from the document's field of that purpose, or by acc. Where the file says what acc, acc_norm or
    acc_bytes a question had, the same must come out here. Samples hold no tokens: coverage and raw mass add up all
    choices, and are probabilities only where no choice begins another.

    Args:
        path: a file ``samples_<task>_<time>.jsonl`` of any release, or ``<task>_write_out_info.json`` of one before
            0.4, which ``--write_out`` gave; that has neither documents nor lengths of choices.
        normalize: "sum"; "char" or "byte" to compare by log-probability divided by a choice's length; "pmi" for a task
            with acc_mutual_info.
        sets, ties: as in `pyscore.compare_answers`.
        confidence: of the intervals.
        cluster: the name of a field of the task's documents (``doc``); questions that agree in it are not independent.
        target_delimiter: the task's setting of that name: what stands between prompt and choice, and isn't counted in
            a choice's length where every choice of a question begins with it.
        targets: what ``target`` holds: "index" from 0, "text" or "letter"; "labels" for those of the document; for
            choices in prompts, what the document's field holds, "number" from 1 too. "auto" for what fits every
            question of the file.
        filter_name: which filter's responses, where the task has several.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a bad argument; no lines; a line (named in the message) that is damaged, isn't of a multiple-choice
            task, doesn't say which choice is right (or targets that say it in two ways), or reports another accuracy.
    """
    samples, answers, comparison = read_samples(
        path,
        normalize=normalize,
        sets=sets,
        ties=ties,
        cluster=cluster,
        target_delimiter=target_delimiter,
        targets=targets,
        filter_name=filter_name,
    )
    clusters = None if cluster is None else [sample.cluster for sample in samples]
    summary = summarize(comparison, clusters=clusters, confidence=confidence)
    preset = PRESETS["lm_eval"]
    if (
        np.add.reduceat(answers.is_matching.astype(int), answers.question_offsets[:-1]) > 1
    ).any():  # a Brier score is of one right choice
        metrics = tuple(metric for metric in preset.metrics if metric.value != "brier")
        preset = replace(preset, name="lm_eval_several_right", metrics=metrics)
    accuracy = apply_preset(answers, preset, clusters=clusters, confidence=confidence)
    return Rescored(answers, comparison, summary, accuracy)


def read_samples(
    path: str | Path,
    *,
    normalize: str = "sum",
    sets: str = "max",
    ties: str = "half",
    cluster: str | None = None,
    target_delimiter: str = " ",
    targets: str = "auto",
    filter_name: str | None = None,
) -> tuple[list[Sample], Answers, Comparison]:
    """The questions of a file of samples, their choices and the comparison of right with wrong ones; as `rescore`."""
    if normalize == "token":
        raise ValueError("normalize='token': samples don't say how many tokens a choice has; give 'char' or 'byte'")
    checks.check_choice(normalize, "normalize", NORMALIZATIONS)
    checks.check_choice(targets, "targets", ("auto", *READINGS, "number"))
    rule = Rule(normalize, sets, ties)
    path = Path(path)
    samples = _read(path, target_delimiter, filter_name, cluster)
    golds = right_choices(path, samples, targets)
    answers = _answers(path, samples, golds, target_delimiter)
    if normalize in ("char", "byte") and not all(sample.is_whole for sample in samples):
        raise ValueError(f"normalize={normalize!r}, but {path} doesn't hold the choices by themselves: give 'sum'")
    if normalize == "pmi" and answers.unconditional is None:
        raise ValueError(f"normalize='pmi', but {path} is of a task without acc_mutual_info")
    return samples, answers, compare(answers, rule)


def _read(path: Path, delimiter: str, filter_name: str | None, cluster: str | None) -> list[Sample]:
    samples: list[Sample] = []
    filters: set[str] = set()
    seen: dict[str, str] = {}
    for row, values, where in read_sample_records(path):
        name = str(values.get("filter", "none"))
        filters.add(name)
        if filter_name not in (None, name):
            continue
        try:
            if is_written_out(values):
                sample = read_written_out(values, row, where, cluster)
            else:
                sample = read_sample(values, row, where, delimiter, cluster)
        except ValueError as error:
            raise ValueError(f"{path}, {where}: {error}") from None
        samples.append(sample)
        if sample.in_prompts != samples[0].in_prompts:
            raise ValueError(f"{path}, {where}: its choices stand elsewhere than those of {samples[0].where}")
        key = json.dumps([name, values.get("doc_id", row)])
        if key in seen:
            raise ValueError(f"{path}, {where}: doc_id {values['doc_id']} stands in {seen[key]} as well")
        seen[key] = where
    if filter_name is None and len(filters) > 1:
        raise ValueError(f"{path} has the filters {', '.join(sorted(filters))}: choose one with filter_name=")
    if not samples:
        found = f" with the filter {filter_name!r} (found: {', '.join(sorted(filters))})" if filters else ""
        raise ValueError(f"{path} has no samples{found}")
    return samples


def _answers(path: Path, samples: list[Sample], golds: Golds, delimiter: str) -> Answers:
    is_matching = [i in gold for sample, gold in zip(samples, golds, strict=True) for i in range(len(sample.choices))]
    lengths: dict[str, list[int] | None] = {}
    for metric, length in _LENGTHS.items():
        counts = [[length(choice) for choice in sample.choices] for sample in samples]
        _check_lengths(path, metric, samples, golds, counts, delimiter)
        flat = [n for some in counts for n in some]
        # An empty choice has no log-probability per character.
        lengths[metric] = flat if all(flat) and all(sample.is_whole for sample in samples) else None
    unconditional = [value for sample in samples for value in sample.unconditional]
    return Answers(
        [value for sample in samples for value in sample.logprobs],
        np.cumsum([0, *(len(sample.choices) for sample in samples)]),
        is_matching,
        n_chars=lengths["acc_norm"],
        n_bytes=lengths["acc_bytes"],
        unconditional=unconditional if all(sample.unconditional for sample in samples) else None,
    )


def _check_lengths(
    path: Path, metric: str, samples: list[Sample], golds: Golds, counts: list[list[int]], delimiter: str
) -> None:
    """Choices must be as long as the harness counted them: its accuracy by length has to come out."""
    for sample, gold, lengths in zip(samples, golds, counts, strict=True):
        logged = sample.logged.get(metric)
        if logged is None or not all(lengths) or not sample.is_whole:
            continue
        found = accuracy([value / n for value, n in zip(sample.logprobs, lengths, strict=True)], gold)
        if found != logged:
            raise ValueError(
                f"{path}, {sample.where}: {metric} is {logged:g}, but {found:g} comes out for choices without "
                f"target_delimiter={delimiter!r}: give the target_delimiter of the task"
            )
