"""Question: a prompt and the answers to compare after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["CHOICES", "Question", "check_utf8"]

CHOICES = ("given", "listed")
"""Which answers a question compares: those that its data set names, or all that its prompt lists."""


@dataclass(frozen=True)
class Question:
    """A prompt and the answers that a model may give, some of which match the behaviour under test.

    Text is kept exactly: nothing is stripped, normalised or added.

    Attributes:
        id: unique within a data set.
        prompt: the text before the answer, not yet wrapped in a template. "" is no text at all: answers are whole texts
            then, and what a model reads before them is what stands at the beginning of a text.
        answers: the texts to compare, usually with a leading space; distinct and not empty.
        is_matching: one bool an answer; at least one True and one False.
        cluster: questions that share it are not independent of each other (one claim, one repeated question).
        group: a name to report separately by, or None.
        meta: whatever else the data set says about the question, under its own keys; templates see it as ``meta``.
        dataset: the data set that the question belongs to, or None for the one that a run names.
        choices: "given" if the answers are those that the data set names, "listed" if they are all that the prompt
            lists; see `pyscore.tasks.choices`.

    Raises:
        TypeError: a field has the wrong type.
        ValueError: a field other than the prompt is empty; a prompt of whitespace alone; a field is too short,
            repeated, or can't be written as UTF-8.
    """

    id: str
    prompt: str
    answers: tuple[str, ...]
    is_matching: tuple[bool, ...]
    cluster: str | None = None
    group: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict, hash=False)
    dataset: str | None = None
    choices: str = "given"

    def __post_init__(self) -> None:
        for name in ("answers", "is_matching"):
            if type(getattr(self, name)) is list:
                object.__setattr__(self, name, tuple(getattr(self, name)))
        if not self._is_plainly_right():
            self._check()

    def _is_plainly_right(self) -> bool:
        """Whether everything is of its very type and as it must be: by few calls, since files hold millions.

        `_check` says what is wrong where this is False, or lets subclasses and other sequences pass.
        """
        answers, is_matching = self.answers, self.is_matching
        are_tuples = type(answers) is tuple and type(is_matching) is tuple
        if not (are_tuples and type(self.meta) is dict and self.choices in CHOICES):
            return False
        if set(map(type, is_matching)) != {bool} or len(set(is_matching)) != 2 or len(answers) != len(is_matching):
            return False
        optional = [each for each in (self.cluster, self.group, self.dataset) if each is not None]
        try:
            text = "".join([self.id, self.prompt, *answers, *optional])
            text.isascii() or text.encode()
        except (TypeError, UnicodeEncodeError):
            return False
        distinct = set(answers)
        return bool(self.id and self.prompt.strip()) and len(distinct) == len(answers) and "" not in distinct

    def _check(self) -> None:
        for name in ("id", "prompt"):
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"{name} must be a string, got {type(getattr(self, name)).__name__}")
        for name in ("cluster", "group", "dataset"):
            if not isinstance(getattr(self, name), str | None):
                raise TypeError(f"{name} must be a string or None, got {type(getattr(self, name)).__name__}")
        if not isinstance(self.meta, Mapping):
            raise TypeError(f"meta must be a mapping, got {type(self.meta).__name__}")
        if self.choices not in CHOICES:
            raise ValueError(f"choices must be 'given' or 'listed', got {self.choices!r:.60}")
        if not self.id:
            raise ValueError("id is empty: give every question its own id")
        if self.prompt and not self.prompt.strip():
            raise ValueError(f"the question is empty (id {self.id!r}): prompt must hold some text, or no character")
        object.__setattr__(self, "answers", _as_tuple("answers", self.answers, str))
        object.__setattr__(self, "is_matching", _as_tuple("is_matching", self.is_matching, bool))
        self._check_answers()
        for text in (self.id, self.prompt, *self.answers, self.cluster, self.group, self.dataset):
            check_utf8(text or "")

    def _check_answers(self) -> None:
        if len(self.answers) != len(self.is_matching):
            raise ValueError(
                f"answers and is_matching differ in length: {len(self.answers)} and {len(self.is_matching)}"
            )
        for i, answer in enumerate(self.answers):
            if not answer:
                raise ValueError(f"answers[{i}] is empty: every answer must hold some text")
            first = self.answers.index(answer)
            if first != i and self.is_matching[first] != self.is_matching[i]:
                raise ValueError(f"the answer {answer!r} is both matching and not matching")
            if first != i:
                raise ValueError(f"the answer {answer!r} is given twice")
        if not any(self.is_matching):
            raise ValueError("no answer is matching: at least one entry of is_matching must be True")
        if all(self.is_matching):
            raise ValueError("every answer is matching: at least one entry of is_matching must be False")


def _as_tuple(name: str, values: Sequence[Any], kind: type) -> tuple[Any, ...]:
    # A string is a sequence of strings: "AB" would pass as two answers.
    if isinstance(values, str | bytes) or not isinstance(values, Sequence):
        raise TypeError(f"{name} must be a tuple or list of {kind.__name__}, got {type(values).__name__}")
    for i, value in enumerate(values):
        if not isinstance(value, kind):
            raise TypeError(f"{name}[{i}] must be {kind.__name__}, got {type(value).__name__}")
    return tuple(values)


def check_utf8(text: str) -> None:
    """ValueError for text that holds half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{text[:40]!r} can't be written as UTF-8: lone surrogate at character {error.start}"
        ) from None
