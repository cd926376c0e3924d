"""MMLU: exams of 57 subjects, on the hub and as the first release's CSV; MMLU-Pro; and KMMLU.

Hendrycks et al. 2020, "Measuring Massive Multitask Language Understanding"; Wang et al. 2024, "MMLU-Pro"; Son et al.
2024, "KMMLU: Measuring Massive Multitask Language Understanding in Korean".
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from string import ascii_uppercase
from typing import Any

from pyscore.tasks.formats.choice import choice_question, kind_of, right_choice
from pyscore.tasks.formats.fields import content_key, text_in, texts_in
from pyscore.tasks.formats.format import Format, Reading
from pyscore.tasks.question import Question
from pyscore.tasks.reading import Record, required

__all__ = ["FORMATS"]

_HEADER = ("question", "A", "B", "C", "D", "answer")
_KOREAN_ANSWER = "정답\uff1a"  # with the wide colon of East Asian text
_LETTERS = _HEADER[1:5]
_FILE = re.compile(r"([a-z_]+)_(?:test|dev|val)")  # "high_school_physics_test.csv"
_NO_CHOICE = "N/A"


def _hub(record: Record, reading: Reading) -> Question:
    """A question of a subject, with the index of the right one of its four choices.

    A digit is an index, also in a table of text, and where choices are digits: no published answer is a text.
    """
    values = record.values
    choices = texts_in(values, "choices")
    answer = required(values, "answer", (int, str))
    is_digit = isinstance(answer, str) and re.fullmatch(r"[0-9]{1,3}(\.0)?", answer.strip())
    right = right_choice(answer, [""] * len(choices) if is_digit else choices, "answer")
    used = ("question", "choices", "answer")
    return _mmlu(record, reading, required(values, "question", str), choices, right, text_in(values, "subject"), used)


def _csv(record: Record, reading: Reading) -> Question:
    """A question with a column for each choice, and the letter of the right one.

    The subject is that of a column where there is one, or of the file's name, as the release has it. Files of other
    sets have more choices, a header and capitals in it.
    """
    values = record.values
    question, answer = (key if key in values else key.capitalize() for key in ("question", "answer"))
    letters = [letter for letter in ascii_uppercase if letter in values]
    if letters != list(ascii_uppercase[: len(letters)]):
        raise ValueError(f"the choices must stand under letters without a gap, found {', '.join(letters)}")
    choices = [required(values, letter, str) for letter in letters]
    key = required(values, answer, str).strip()
    if key not in letters:
        raise ValueError(f"{answer!r} must be one of the letters {', '.join(letters)}, found {key!r:.60}")
    named = _FILE.fullmatch(reading.stem)
    subject = text_in(values, "subject") or text_in(values, "Subject") or (named[1] if named else None)
    used = (question, answer, *letters)
    return _mmlu(record, reading, required(values, question, str), choices, letters.index(key), subject, used)


def _mmlu(
    record: Record,
    reading: Reading,
    question: str,
    choices: Sequence[str],
    right: int,
    subject: str | None,
    used: Collection[str],
) -> Question:
    about = f"questions (with answers) about {subject.replace('_', ' ')}.\n\n" if subject else ""
    return choice_question(
        record,
        reading,
        stem=question.strip(),
        choices=choices,
        right=[right],
        custom="letter",
        by_text=(about and f"The following are {about}") + "Question: {stem}\nAnswer:",
        by_letter=(about and f"The following are multiple choice {about}") + "{stem}\n{options}\nAnswer:",
        used=used,
        group=subject,
    )


def _pro(record: Record, reading: Reading) -> Question:
    """A question with three to ten choices; the right one's index and letter must agree.

    Where letters are compared, choices that say "N/A" keep theirs, as in lm-evaluation-harness's leaderboard task. As
    texts they are none.
    """
    values = record.values
    choices = texts_in(values, "options")
    right = right_choice(required(values, "answer_index", (int, str)), [""] * len(choices), "answer_index")
    letter = required(values, "answer", str).strip()
    if letter != ascii_uppercase[right]:
        raise ValueError(f"'answer' is {letter!r:.60}, but 'answer_index' is {right}: they must name the same choice")
    if choices[right] == _NO_CHOICE:
        raise ValueError(f"'answer' is {letter!r}, whose option says {_NO_CHOICE!r}")
    question = required(values, "question", str)
    kept = [i for i, choice in enumerate(choices) if choice != _NO_CHOICE]
    cluster = content_key("\n".join([question, *sorted(choices[i] for i in kept)]))
    if kind_of(reading, "letter") == "text":
        choices, right = [choices[i] for i in kept], kept.index(right)
    return choice_question(
        record,
        reading,
        stem=question,
        choices=choices,
        right=[right],
        custom="letter",
        cluster=cluster,
        used=("question", "options", "answer", "answer_index"),
        group=text_in(values, "category"),
    )


def _kmmlu(record: Record, reading: Reading) -> Question:
    """A question with a column for each of four choices, and the right one's number from 1 on."""
    values = record.values
    choices = [required(values, letter, str) for letter in _LETTERS]
    right = right_choice(required(values, "answer", (int, str)), [""] * len(choices), "answer", first=1)
    return choice_question(
        record,
        reading,
        stem=required(values, "question", str).strip(),
        choices=choices,
        right=[right],
        custom="letter",
        by_text="{stem}\n" + _KOREAN_ANSWER,
        by_letter="{stem}\n{options}\n" + _KOREAN_ANSWER,
        used=("question", "answer", *_LETTERS),
        group=text_in(values, "Category"),
    )


def _is_kmmlu(values: Mapping[str, Any]) -> bool:
    """Whether the answer is a number; sets whose answers are letters have columns of a category, too."""
    answer = values["answer"]
    return not isinstance(answer, bool) and str(answer).strip() in ("1", "2", "3", "4")


def _headerless(fields: Collection[str]) -> bool:
    return len(fields) == len(_HEADER) and list(fields)[-1].strip() in ("A", "B", "C", "D")


FORMATS = (
    Format(
        "mmlu-pro",
        data="MMLU-Pro (Wang et al. 2024; hub TIGER-Lab/MMLU-Pro)",
        keys=(frozenset({"question", "options", "answer", "answer_index", "category"}),),
        read=_pro,
        example={
            "question_id": 7,
            "question": "How many edges has a cube?",
            "options": ["4", "6", "8", "12", "N/A"],
            "answer": "D",
            "answer_index": 3,
            "cot_content": "",
            "category": "math",
            "src": "own",
        },
        asks="`question` with its `options`, then a letter; compared as texts, options that say N/A are left out; "
        "group: `category`",
    ),
    Format(
        "mmlu",
        data="MMLU (Hendrycks et al. 2020; hub cais/mmlu)",
        keys=(frozenset({"question", "subject", "choices", "answer"}),),
        fits=lambda values: isinstance(values["choices"], list | str) and not {"hint", "image"} & values.keys(),
        read=_hub,
        example={
            "question": "Which of these is a prime number? ",
            "subject": "elementary_mathematics",
            "choices": ["9", "15", "11", "21"],
            "answer": 2,
        },
        asks="`The following are ...` about the `subject`, `question` with its `choices`, then a letter; group: the "
        "`subject`",
    ),
    Format(
        "kmmlu",
        data="KMMLU (Son et al. 2024; hub HAERAE-HUB/KMMLU)",
        keys=(frozenset({*_HEADER, "Category"}),),
        fits=_is_kmmlu,
        read=_kmmlu,
        example={
            "question": "다음 중 소수는?",
            "answer": 3,
            "A": "9",
            "B": "15",
            "C": "11",
            "D": "21",
            "Category": "Math",
            "Human Accuracy": 0.8,
        },
        asks="`question` with its choices, `정답` (answer), then a letter; `answer` counts from 1; group: "
        "the `Category`",
    ),
    Format(
        "mmlu-csv",
        data="MMLU's first release (Hendrycks et al. 2020; github hendrycks/test), CSV without a header; with one, "
        "sets in its form, such as CMMLU and MMMLU",
        keys=(frozenset(_HEADER), frozenset({"Question", "A", "B", "C", "D", "Answer"})),
        read=_csv,
        example={
            "question": "Which of these is a prime number?",
            "A": "9",
            "B": "15",
            "C": "11",
            "D": "21",
            "answer": "C",
        },
        asks="as mmlu, in English for all sets; the subject is that of the file's name, `<subject>_test.csv`, or of a "
        "column",
        header=_HEADER,
        headerless=_headerless,
    ),
)
