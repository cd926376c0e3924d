"""The settings of a run that its rows depend on, beside the model's."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pyscore._integers import as_int
from pyscore.tasks import ChatTemplate

__all__ = ["ScoreSettings", "check_metadata", "check_text"]


@dataclass(frozen=True)
class ScoreSettings:
    """What questions are scored by; the arguments are those of `Scorer.score`.

    Attributes:
        template: how a question becomes a prompt.
        truncate: whether prompts that are too long are cut from the left.
        token_logprobs: whether rows have the column of that name.
        dataset: of questions that name none themselves.
        step: training step of the model.

    Raises:
        TypeError, ValueError: a dataset or a step that rows can't hold.
    """

    template: str | ChatTemplate = "plain"
    truncate: bool = False
    token_logprobs: bool = False
    dataset: str | None = None
    step: int | None = None

    def __post_init__(self) -> None:
        check_text(self.dataset, "dataset")
        if self.step is not None:
            object.__setattr__(self, "step", as_int(self.step, "step"))
            if not -(2**63) <= self.step < 2**63:
                raise ValueError(f"step={self.step} doesn't fit into 64 bits")


def check_text(value: Any, name: str) -> None:
    """Raise TypeError or ValueError unless it is None or text that rows can hold."""
    if value is None:
        return
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, got {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} must be text that UTF-8 can hold, got {value!r}") from None


def check_metadata(metadata: Mapping[str, str] | None, own: Collection[str], name: str = "metadata") -> None:
    """Raise TypeError or ValueError for what rows can't hold, or what pyscore itself says under one of these names."""
    for key, value in (metadata or {}).items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"{name} must map strings to strings, got {key!r}: {value!r}")
        if key == "schema_version":
            raise ValueError(f"{name} can't set schema_version: it tells how to read the rows")
        if key in own:
            raise ValueError(f"{name} can't set {key!r}: pyscore writes it itself, choose another key")
        check_text(key, f"a key of {name}")
        check_text(value, f"{name}[{key!r}]")
