"""Questions as the options of a command name and describe them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pyscore.cli.files import question_places
from pyscore.tasks import Question, read_template, sample_questions
from pyscore.tasks.columns import parse_columns
from pyscore.tasks.datasets import PlaceQuestions, read_datasets
from pyscore.tasks.options import ReadOptions

__all__ = ["datasets_of", "questions_of", "read_options"]

_BUNDLED = "bundled sycophancy"


def read_options(*, columns: str | None, prompt_template: str | None, **options: Any) -> ReadOptions:
    """How files are read, as the options of a command say.

    Raises:
        FileNotFoundError: there is no such file of columns, or of a template.
        ValueError: as `pyscore.tasks.options.ReadOptions`.
    """
    if columns == "":
        raise ValueError("--columns is empty: write prompt=COLUMN,answers=COLUMN|COLUMN,matching=COLUMN")
    try:
        return ReadOptions(
            columns=None if columns is None else parse_columns(columns),
            prompt_template=None if prompt_template is None else read_template(prompt_template),
            **options,
        )
    except TypeError as error:  # what is typed can be JSON of any type
        raise ValueError(str(error)) from None


def datasets_of(paths: Sequence[str], options: ReadOptions) -> list[PlaceQuestions]:
    """The questions of all files, each in the data set that it names, else in that of its file; of none the bundled.

    Raises:
        FileNotFoundError, ValueError: as `question_places` and `read_datasets`; options of files without any.
    """
    if paths:
        return read_datasets(question_places(paths), options)
    if options != ReadOptions(limit=options.limit, on_error=options.on_error):
        raise ValueError(
            "--format, --columns, --prompt-template, --choices and --answers are about files: name some, the bundled "
            "questions have none of them"
        )
    named = [replace(question, dataset=_BUNDLED) for question in sample_questions()[: options.limit]]
    return [PlaceQuestions(_BUNDLED, "the bundled sample", "pyscore", len(named), 0, named)]


def questions_of(files: Sequence[str], options: ReadOptions) -> list[Question] | None:
    """The questions of files whose rows are told already, None for no files.

    Those of several files are of the data sets that `pyscore score` calls after these files; those of one may be of a
    data set of any name, and have none.

    Raises:
        FileNotFoundError, ValueError: as `datasets_of`.
    """
    if not files:
        if options != ReadOptions():
            raise ValueError("how questions are read is about files of questions: name them with --questions")
        return None
    found = read_datasets(question_places(files), options)
    if len(found) > 1:
        return [question for each in found for question in each.questions]
    (one,) = found
    return [replace(each, dataset=None) if each.dataset == one.name else each for each in one.questions]
