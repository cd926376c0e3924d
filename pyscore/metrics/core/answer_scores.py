"""Answers: the log-probabilities of every answer of every question, checked."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pyscore.metrics.core.arrays import Codes, Floats, as_float64
from pyscore.ops import checks
from pyscore.ops.arrays import as_index, as_mask, as_tensor
from pyscore.ops.types import Array

__all__ = ["LENGTHS", "NEEDS", "Answers", "read_gold", "read_offsets"]

_CPU = torch.device("cpu")
LENGTHS = ("n_tokens", "n_chars", "n_bytes", "n_words")

NEEDS = {"sum": "", "token": "n_tokens", "char": "n_chars", "byte": "n_bytes", "pmi": "unconditional"}
"""Normalisation -> the field of `Answers` that it needs, "" for none."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model gave to every answer, A answers of Q questions; read and checked once, here.

    Every field may be given as torch, NumPy or a sequence and is held as NumPy.

    Attributes:
        logprob: ``[A]`` float64, log-probability of the whole answer in nats, at most 0; -inf is allowed.
        question_offsets: ``[Q + 1]`` int64: question q has the answers ``question_offsets[q]:question_offsets[q + 1]``,
            at least one.
        is_matching: ``[A]`` bool, true for an answer that matches the behaviour in question, or is the right one.
        n_tokens, n_chars, n_bytes, n_words: ``[A]`` int64, lengths of each answer, above 0; or None.
        unconditional: ``[A]`` float64, finite log-probability of each answer without its prompt; or None.
        is_nested: ``[A]`` bool, true for an answer whose mass another answer of its question holds already: its
            tokens are those of an earlier one, or begin with all of another's. Coverage leaves it out. None: none is.
        is_nested_in_matching: ``[A]`` bool, the same among the matching answers alone, for the raw mass; or None.

    Raises:
        TypeError: a wrong kind of array or dtype.
        ValueError: a shape or offsets that don't fit, a NaN or positive log-probability, a length that isn't positive;
            the message names the field and the row.
    """

    logprob: Array
    question_offsets: Array
    is_matching: Array
    n_tokens: Array | None = None
    n_chars: Array | None = None
    n_bytes: Array | None = None
    n_words: Array | None = None
    unconditional: Array | None = None
    is_nested: Array | None = None
    is_nested_in_matching: Array | None = None

    def __post_init__(self) -> None:
        logprob = as_float64(self.logprob, "logprob")
        checks.check_log_probabilities(as_tensor(logprob, "logprob"), "logprob")
        self._set("logprob", logprob)
        self._set("question_offsets", read_offsets(self.question_offsets, len(logprob)))
        self._set("is_matching", as_mask(self.is_matching, "is_matching", _CPU).numpy())
        for name in LENGTHS:
            if getattr(self, name) is not None:
                counts = as_index(getattr(self, name), name, _CPU)
                checks.check_positive(counts, name)
                self._set(name, counts.numpy())
        for name in ("is_nested", "is_nested_in_matching"):
            if getattr(self, name) is not None:
                self._set(name, as_mask(getattr(self, name), name, _CPU).numpy())
        if self.unconditional is not None:
            unconditional = as_float64(self.unconditional, "unconditional")
            checks.check_log_probabilities(as_tensor(unconditional, "unconditional"), "unconditional", finite=True)
            self._set("unconditional", unconditional)
        for field in fields(self):
            column = getattr(self, field.name)
            if field.name != "question_offsets" and column is not None and column.shape != logprob.shape:
                raise ValueError(f"{field.name} must be [{len(logprob)}], one an answer, got shape {column.shape}")

    def _set(self, name: str, value: NDArray[Any]) -> None:
        object.__setattr__(self, name, value)

    @classmethod
    def with_gold(cls, logprob: Array, question_offsets: Array, gold: Array, **columns: Array) -> Answers:
        """Answers of which one a question is right: ``gold [Q]`` is its index within the question.

        Raises:
            TypeError, ValueError: as for `Answers`; a gold that is no index of its question's answers, with its row.
        """
        logprob = as_float64(logprob, "logprob")
        offsets = read_offsets(question_offsets, len(logprob))
        is_matching = np.zeros(offsets[-1], dtype=bool)
        is_matching[read_gold(gold, offsets)] = True
        return cls(logprob, offsets, is_matching, **columns)

    @classmethod
    def of_sequences(cls, logprob: Array, **columns: Array) -> Answers:
        """One text a question and nothing to compare it with, as for perplexity: ``logprob [Q]``."""
        logprob = as_float64(logprob, "logprob")
        n = len(logprob)
        return cls(logprob, np.arange(n + 1), np.ones(n, dtype=bool), **columns)

    def __len__(self) -> int:
        return len(self.question_offsets) - 1

    @property
    def n_answers(self) -> NDArray[np.int64]:
        """``[Q]``, how many answers each question has."""
        counts: NDArray[np.int64] = np.diff(self.question_offsets)
        return counts

    def need(self, name: str) -> NDArray[Any]:
        """The optional field of that name; ValueError where it wasn't given."""
        column: NDArray[Any] | None = getattr(self, name)
        if column is None:
            raise ValueError(f"the answers have no {name}: give {name}=, one number an answer")
        return column

    def scores(self, normalize: str = "sum") -> Floats:
        """``[A]``, what answers are compared by: their log-probabilities, divided by a length or less unconditional."""
        checks.check_choice(normalize, "normalize", NEEDS)
        logprob: Floats = self.logprob
        if normalize == "sum":
            return logprob
        column = self.need(NEEDS[normalize])
        scores: Floats = logprob - column if normalize == "pmi" else logprob / column
        return scores

    def backwards(self) -> Answers:
        """The same answers in the opposite order, questions too."""
        columns = {field.name: getattr(self, field.name) for field in fields(self)}
        columns["question_offsets"] = len(self.logprob) - self.question_offsets
        return Answers(**{name: None if column is None else column[::-1] for name, column in columns.items()})


def read_offsets(value: Array, n_answers: int, of: str = "logprob") -> Codes:
    """Question offsets ``[Q + 1]`` of so many answers, whose log-probabilities are called ``of``; checked."""
    offsets = as_index(value, "question_offsets", _CPU)
    if offsets.ndim != 1 or not len(offsets):
        raise ValueError(f"question_offsets must be 1-d with at least the entry 0, got shape {tuple(offsets.shape)}")
    checks.check_offsets(offsets, "question_offsets", n_answers, of, "question")
    return offsets.numpy()


def read_gold(gold: Array, offsets: Codes) -> Codes:
    """Where the right answer of each question stands among all answers, from its index within the question, checked."""
    index, counts = as_index(gold, "gold", _CPU).numpy(), np.diff(offsets)
    if index.shape != counts.shape:
        raise ValueError(f"gold must be [{len(counts)}], one a question, got shape {index.shape}")
    bad = np.flatnonzero((index < 0) | (index >= counts))
    if len(bad):
        row = bad[0]
        raise ValueError(f"gold[{row}] = {index[row]}, but question {row} has the answers 0 to {counts[row] - 1}")
    right: Codes = offsets[:-1] + index
    return right
