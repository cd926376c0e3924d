"""Questions that list choices: from their texts and the right ones to a `Question`, by text or by letter."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from string import ascii_uppercase
from typing import Any

from pyscore.tasks.formats.fields import content_key
from pyscore.tasks.formats.format import Reading
from pyscore.tasks.question import Question
from pyscore.tasks.reading import Record

__all__ = ["choice_question", "lettered", "right_choice"]


def choice_question(
    record: Record,
    reading: Reading,
    *,
    stem: str,
    choices: Sequence[str],
    right: Collection[int],
    custom: str,
    by_text: str = "Question: {stem}\nAnswer:",
    by_letter: str = "{stem}\n{options}\nAnswer:",
    used: Collection[str] = (),
    cluster: str | None = None,
    group: str | None = None,
    meta: Mapping[str, Any] | None = None,
) -> Question:
    """The question of a row that lists choices.

    Args:
        record, reading: as for `Format.read`.
        stem: what is asked, without the choices.
        choices: their texts.
        right: indices of those that match.
        custom: "text" or "letter": what ``reading.answers`` "auto" stands for.
        by_text: the prompt where texts are compared, each after a space; {stem} stands for the stem.
        by_letter: the prompt where letters are compared, each after a space; {options} stands for "A. ..." lines.
        used: keys of the row that aren't put into ``meta``.
        cluster: what dependent questions share; by default a key of stem and choices.
        group, meta: of the question; ``meta`` goes beside the row's other keys.

    Raises:
        ValueError: fewer than two choices, none or all of them right, an index that is none of a choice's; two choices
            of one text, of which one is right, where texts are compared. Wrong choices of one text are one answer.
    """
    if len(choices) < 2:
        raise ValueError(f"a question needs two choices at least, found {len(choices)}")
    bad = [index for index in right if not 0 <= index < len(choices)]
    if bad:
        raise ValueError(f"the right choice is {bad[0]}, but the choices have the indices 0 to {len(choices) - 1}")
    kind = custom if reading.answers == "auto" else reading.answers
    rest = {key: value for key, value in record.values.items() if key not in used}
    is_right = [i in right for i in range(len(choices))]
    if kind == "letter":
        answers = [f" {letter}" for letter in _letters(choices)]
        prompt = by_letter.replace("{options}", lettered(choices)).replace("{stem}", stem)
        rest["choices"] = list(choices)
    else:
        prompt = by_text.replace("{stem}", stem)
        answers, is_right = _distinct([f" {choice}" for choice in choices], is_right)
    return Question(
        id=reading.id(record),
        prompt=prompt,
        answers=tuple(answers),
        is_matching=tuple(is_right),
        cluster=content_key("\n".join([stem, *sorted(choices)])) if cluster is None else cluster,
        group=group,
        meta={**rest, **(meta or {})},
    )


def lettered(choices: Sequence[str], mark: str = "{letter}. {choice}") -> str:
    """The choices on lines of their own, "A. ..." first."""
    return "\n".join(
        mark.replace("{letter}", letter).replace("{choice}", choice)
        for letter, choice in zip(_letters(choices), choices, strict=True)
    )


def right_choice(value: Any, choices: Sequence[str], key: str, *, first: int = 0) -> int:
    """The index of the choice that a value names: by its index, from ``first`` on, its letter, or its text.

    Raises:
        ValueError: it names none; or, read in these ways, different ones.
    """
    found: dict[int, str] = {}
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{key!r} must be the right choice's index, letter or text, found {value!r:.60}")
    plain = str(value).strip()
    if isinstance(value, str):
        found = {i: "text" for i, choice in enumerate(choices) if plain and choice.strip() == plain}
        letter = plain.strip("().").upper()
        if len(letter) == 1 and letter in ascii_uppercase[: len(choices)]:
            found.setdefault(ascii_uppercase.index(letter), "letter")
    if plain.isascii() and plain.isdigit() and len(plain) < 4 and 0 <= int(plain) - first < len(choices):
        found.setdefault(int(plain) - first, "index")
    if len(found) > 1:
        readings = " and ".join(f"choice {i} by its {kind}" for i, kind in found.items())
        raise ValueError(f"{key!r}: {value!r:.60} names {readings}: give columns= with is_matching instead")
    if not found:
        raise ValueError(
            f"{key!r} must be the right choice's index ({first} to {first + len(choices) - 1}), letter or text, "
            f"found {value!r:.60}"
        )
    return next(iter(found))


def _letters(choices: Sequence[str]) -> str:
    if len(choices) > len(ascii_uppercase):
        raise ValueError(f"{len(choices)} choices can't have letters, of which there are {len(ascii_uppercase)}")
    return ascii_uppercase[: len(choices)]


def _distinct(answers: list[str], is_right: list[bool]) -> tuple[list[str], list[bool]]:
    """Each wrong answer once, wherever it stands a second time; of right ones `Question` says what is wrong."""
    kept = [i for i, answer in enumerate(answers) if is_right[i] or answers.index(answer) == i]
    return [answers[i] for i in kept], [is_right[i] for i in kept]
