"""RACE: English exams, questions about a passage; one question a row, or a passage with all of its questions.

Lai et al. 2017, "RACE: Large-scale ReAding Comprehension Dataset From Examinations".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pyscore.tasks.formats.choice import choice_question, right_choice
from pyscore.tasks.formats.fields import content_key, structure_in, text_in, texts_in
from pyscore.tasks.formats.format import Format, Reading
from pyscore.tasks.question import Question
from pyscore.tasks.reading import Record, required

__all__ = ["FORMATS"]

_BLANK = "  _  ."
_PROBLEM = {"question", "options", "answer"}


def _race(record: Record, reading: Reading) -> Question:
    """One question of a passage."""
    question, options, right = _problem(record.values)
    return _asked(record, reading, question, options, right, used=("question", "options", "answer"))


def _passage(record: Record, reading: Reading) -> tuple[Question, ...]:
    """All questions of a passage, as the release's files have them; ids end in ":0", ":1", ..."""
    values = record.values
    columns = [required(values, key, list) for key in ("questions", "options", "answers")]
    if len({len(column) for column in columns}) > 1:
        lengths = ", ".join(str(len(column)) for column in columns)
        raise ValueError(f"'questions', 'options' and 'answers' must have one entry a question, found {lengths}")
    made = []
    for i, parts in enumerate(zip(*columns, strict=True)):
        question, options, right = _problem(dict(zip(("question", "options", "answer"), parts, strict=True)))
        asked = _asked(record, reading, question, options, right, used=("questions", "options", "answers"))
        made.append(replace(asked, id=f"{asked.id}:{i}"))
    return tuple(made)


def _problems(record: Record, reading: Reading) -> Question:
    """The last question of a passage, after the others with their right answers, as lm-evaluation-harness asks it."""
    problems = structure_in(record.values, "problems")
    if not isinstance(problems, list) or not problems or not all(isinstance(one, Mapping) for one in problems):
        raise ValueError("'problems' must be a list of {question, options, answer}, or a string that holds one")
    *before, last = [_problem(one) for one in problems]
    shown = "".join(_solved(*one) for one in before)
    return _asked(record, reading, *last, used=("problems",), shown=shown)


def _asked(
    record: Record,
    reading: Reading,
    question: str,
    options: Sequence[str],
    right: int,
    used: Sequence[str],
    shown: str = "",
) -> Question:
    article = required(record.values, "article", str)
    return choice_question(
        record,
        reading,
        stem=f"Article: {article}\n\n{shown}{question}",
        choices=options,
        right=[right],
        custom="text",
        by_text="{stem}",
        used=("article", *used),
        cluster=content_key(article),
        group=_level(record.values),
    )


def _level(values: Mapping[str, Any]) -> str | None:
    """ "high" or "middle": ids of rows begin with it."""
    id = text_in(values, "example_id") or text_in(values, "id") or ""
    return next((level for level in ("high", "middle") if id.startswith(level)), None)


def _problem(values: Mapping[str, Any]) -> tuple[str, list[str], int]:
    options = texts_in(values, "options")
    answer = required(values, "answer", str)
    if not answer.strip():
        raise ValueError("'answer' is empty: it must be the right option's letter")
    return required(values, "question", str), options, right_choice(answer, [""] * len(options), "answer")


def _solved(question: str, options: Sequence[str], right: int) -> str:
    if question.endswith(_BLANK):
        return f"{question[:-5]}{options[right]}\n"
    return f"Question: {question}\nAnswer: {options[right]}\n"


_ARTICLE = "Nora keeps bees on the roof. In June she gives a jar of honey to every neighbour."
_FIRST = {"question": "Where are the bees?", "options": ["In a tree.", "On the roof.", "In a car.", "At sea."]}
_SECOND = {"question": "In June, neighbours get   _  .", "options": ["honey", "bees", "roofs", "jam"]}

FORMATS = (
    Format(
        "race",
        data="RACE (Lai et al. 2017; hub ehovy/race)",
        keys=(frozenset({"article", *_PROBLEM}),),
        read=_race,
        example={"example_id": "high0.txt", "article": _ARTICLE, "answer": "B", **_FIRST},
        asks="`Article: ...` and the question, then an option's text; cluster: the article; group: high or middle, "
        "where the id says it",
    ),
    Format(
        "race-passages",
        data="RACE's first release, a file of JSON a passage",
        keys=(frozenset({"article", "questions", "options", "answers"}),),
        read=_passage,
        example={
            "id": "middle0.txt",
            "article": _ARTICLE,
            "questions": [_FIRST["question"], _SECOND["question"]],
            "options": [_FIRST["options"], _SECOND["options"]],
            "answers": ["B", "A"],
        },
        asks="as race, each question of a passage, the ids ending in `:0`, `:1`, ...",
    ),
    Format(
        "race-problems",
        data="RACE as lm-evaluation-harness reads it (hub EleutherAI/race)",
        keys=(frozenset({"article", "problems"}),),
        read=_problems,
        example={"article": _ARTICLE, "problems": repr([_FIRST | {"answer": "B"}, _SECOND | {"answer": "A"}])},
        asks="as race, the last question of each passage, after its other questions with their answers",
    ),
)
