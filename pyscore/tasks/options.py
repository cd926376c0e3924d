"""ReadOptions: how files become questions, declared once for Python, the command line and study files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyscore._integers import as_int
from pyscore.tasks import formats
from pyscore.tasks.columns import Columns, check_columns
from pyscore.tasks.formats import ANSWERS
from pyscore.tasks.question import CHOICES

if TYPE_CHECKING:
    from pyscore.tasks.formats import Format

__all__ = ["BLANKS", "ON_ERROR", "SEQUENCE_PROB", "ReadOptions"]

BLANKS = ("pronoun", "whole")
"""What `load_questions` makes the answers at a pronoun's blank: the pronoun, or it and the rest of the sentence."""

ON_ERROR = ("raise", "skip")
"""What a row does that is no question: it ends the reading, or is left out and counted."""

SEQUENCE_PROB = (
    "inverse-scaling-sequence-prob has one completion a prompt and nothing to compare it with: "
    "read it with load_completions, score it with score_completions"
)


@dataclass(frozen=True)
class ReadOptions:
    """How files become questions; the fields are arguments of `pyscore.load_questions`.

    Raises:
        TypeError, ValueError: an option that is none, or two that contradict each other.
    """

    format: str = "auto"
    columns: Columns | None = None
    prompt_template: str | None = None
    choices: str = "given"
    answers: str = "auto"
    blank: str = "pronoun"
    limit: int | None = None
    on_error: str = "raise"

    def __post_init__(self) -> None:
        self._check_rows()
        if self.choices not in CHOICES:
            raise ValueError(f"choices must be 'given' or 'listed', got {self.choices!r}")
        if self.answers not in ANSWERS:
            raise ValueError(f"answers must be 'auto', 'text' or 'letter', got {self.answers!r}")
        if self.blank not in BLANKS:
            raise ValueError(f"blank must be 'pronoun' or 'whole', got {self.blank!r}")
        if self.on_error not in ON_ERROR:
            raise ValueError(f"on_error must be 'raise' or 'skip', got {self.on_error!r}")
        if self.limit is not None:
            object.__setattr__(self, "limit", as_int(self.limit, "limit"))
            if self.limit < 1:
                raise ValueError(f"limit must be at least 1, got {self.limit}")

    def _check_rows(self) -> None:
        if self.format == "inverse-scaling-sequence-prob":
            raise ValueError(SEQUENCE_PROB)
        if self.format != "auto" and self.format not in formats.FORMATS:
            raise ValueError(f"format {self.format!r} is unknown: give 'auto' or one of {', '.join(formats.FORMATS)}")
        if self.columns is not None:
            check_columns(self.columns, self.prompt_template)
            if self.format != "auto":
                raise ValueError(f"format={self.format!r} and columns= both say what a row is: give one of them")
            if self.answers == "letter" and self.prompt_template is not None:
                raise ValueError(
                    "answers='letter' puts a list of the answers behind the prompt, which prompt_template makes as a "
                    "whole: give one of them"
                )
        elif self.prompt_template is not None:
            raise ValueError(
                "prompt_template makes the prompt alone: name the answers, and which one matches, in columns, such as "
                "{'answers': 'choices', 'matching': 'label'}; without columns, a template goes around a format's prompt"
            )

    @property
    def chosen_format(self) -> Format | None:
        """The format that was asked for; None where the rows tell it, or columns do."""
        return None if self.format == "auto" else formats.FORMATS[self.format]
