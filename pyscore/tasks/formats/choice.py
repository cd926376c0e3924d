"""Questions that list choices: from their texts and the right ones to a `Question`, by text or by letter."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from string import ascii_uppercase
from typing import Any

from pyscore.tasks.formats.fields import content_key
from pyscore.tasks.formats.format import Reading
from pyscore.tasks.question import Question
from pyscore.tasks.reading import Record, whole

__all__ = ["BeyondLastError", "choice_question", "kind_of", "lettered", "right_choice", "shuffled_order"]


class BeyondLastError(ValueError):
    """An index is one more than the last one, as if it were counted from 1."""


_PART = re.compile(r"\{(stem|options|letter|choice)\}")


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
    mark: str = "{letter}. {choice}",
    letter: str = " {letter}",
    shuffled: bool = False,
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
        by_letter: the prompt where letters are compared; {options} stands for lines of choices.
        mark: such a line.
        letter: an answer where letters are compared.
        shuffled: whether letters go to the choices by `shuffled_order`: where a data set's own order tells which is
            right. The order of texts stays.
        used: keys of the row that aren't put into ``meta``.
        cluster: what dependent questions share; by default a key of stem and choices.
        group, meta: of the question; ``meta`` goes beside the row's other keys.

    Raises:
        ValueError: a blank stem; fewer than two choices; none or all of them right; an index that is none of a
            choice's; where texts are compared: a blank choice, or two choices of one text, of which one is right. Equal
            wrong ones are one answer, and so are equal right ones.
    """
    _check_two(choices)
    if not stem.strip():
        raise ValueError("the question is empty: it must hold some text")
    bad = [index for index in right if not 0 <= index < len(choices)]
    if bad:
        raise ValueError(f"the right choice is {bad[0]}, but the choices have the indices 0 to {len(choices) - 1}")
    rest = {key: value for key, value in record.values.items() if key not in used}
    if kind_of(reading, custom) == "letter":
        order = shuffled_order(stem, choices) if shuffled else range(len(choices))
        rest["choices"] = [choices[i] for i in order]
        prompt = _filled(by_letter, {"stem": stem, "options": lettered(rest["choices"], mark)})
        answers = [_filled(letter, {"letter": each}) for each in _letters(choices)]
        is_right = [i in right for i in order]
    else:
        blank = [i for i, choice in enumerate(choices) if not choice.strip()]
        if blank:
            raise ValueError(f"choice {blank[0]}, counted from 0, is blank: its text can't be compared")
        prompt = _filled(by_text, {"stem": stem})
        answers, is_right = _distinct([(f" {choice}", i in right) for i, choice in enumerate(choices)])
    return Question(
        id=reading.id(record),
        prompt=prompt,
        answers=tuple(answers),
        is_matching=tuple(is_right),
        cluster=content_key("\n".join([stem, *sorted(choices)])) if cluster is None else cluster,
        group=group,
        meta={**rest, **(meta or {})},
    )


def kind_of(reading: Reading, custom: str) -> str:
    """What is compared, "text" or "letter", where the custom of the data set is one of them."""
    return custom if reading.answers == "auto" else reading.answers


def lettered(choices: Sequence[str], mark: str = "{letter}. {choice}") -> str:
    """The choices on lines of their own, "A. ..." first."""
    return "\n".join(
        _filled(mark, {"letter": letter, "choice": choice})
        for letter, choice in zip(_letters(choices), choices, strict=True)
    )


def shuffled_order(stem: str, choices: Sequence[str]) -> list[int]:
    """The indices of choices in an order that is the same wherever they stand, and knows nothing of which is right.

    A choice's place is that of a digest of the question and its text among those of the others, so that over many
    questions each letter is right as often as any other. Choices of one text keep their order.
    """
    return sorted(range(len(choices)), key=lambda i: hashlib.sha256(f"{stem}\0{choices[i]}".encode()).digest())


def right_choice(
    value: Any, choices: Sequence[str], key: str, *, first: int = 0, labels: Sequence[str] | None = None
) -> int:
    """The index of the choice that a value names: by its index, from ``first`` on, its letter, or its text.

    A float that is a whole number, also as text where it is none of the texts, is that index: "1.0".

    ``labels``, where the choices have some, are taken instead of letters from A on and of indices.

    Raises:
        ValueError: fewer than two choices; it names none; or, read in these ways, different ones.
    """
    _check_two(choices)
    found: dict[int, str] = {}
    value = whole(value)
    if value is None:
        raise ValueError(f"{key!r} is empty in this row (null or NaN), so that no choice is right: leave the row out")
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{key!r} must be the right choice's index, letter or text, found {value!r:.60}")
    plain = str(value).strip()
    if isinstance(value, str):
        found = {i: "text" for i, choice in enumerate(choices) if plain and choice.strip() == plain}
        if not found and labels is None and re.fullmatch(r"[0-9]{1,3}\.0", plain):
            plain = plain.removesuffix(".0")
    if labels is not None:
        found |= {i: "label" for i, label in enumerate(labels) if label == plain and i not in found}
    elif isinstance(value, str):
        letter = plain.strip("().").upper()
        if len(letter) == 1 and letter in ascii_uppercase[: len(choices)]:
            found.setdefault(ascii_uppercase.index(letter), "letter")
    if (
        labels is None
        and plain.isascii()
        and plain.isdigit()
        and len(plain) < 4
        and 0 <= int(plain) - first < len(choices)
    ):
        found.setdefault(int(plain) - first, "index")
    if len(found) > 1:
        readings = " and ".join(f"choice {i} by its {kind}" for i, kind in found.items())
        raise ValueError(f"{key!r}: {value!r:.60} names {readings}: give columns= with is_matching instead")
    if not found:
        if labels is not None:
            known = ", ".join(labels)
            raise ValueError(f"{key!r} must be the right choice's label ({known}) or text, found {value!r:.60}")
        beyond = plain == str(first + len(choices))
        raise (BeyondLastError if beyond else ValueError)(
            f"{key!r} must be the right choice's index ({first} to {first + len(choices) - 1}), letter or text, "
            f"found {value!r:.60}"
        )
    return next(iter(found))


def _check_two(choices: Sequence[str]) -> None:
    if len(choices) < 2:
        raise ValueError(f"a question needs two choices at least, found {len(choices)}")


def _letters(choices: Sequence[str]) -> str:
    if len(choices) > len(ascii_uppercase):
        raise ValueError(
            f"{len(choices)} choices can't have letters, of which there are {len(ascii_uppercase)}: give answers='text'"
        )
    return ascii_uppercase[: len(choices)]


def _filled(layout: str, parts: Mapping[str, str]) -> str:
    """The layout with its parts put in, all at once: a question may hold "{options}" itself."""
    return _PART.sub(lambda found: parts[found[1]], layout)


def _distinct(answers: list[tuple[str, bool]]) -> tuple[list[str], list[bool]]:
    """Each answer once; one that is right and wrong stays, for `Question` to say what is the matter."""
    kept = list(dict.fromkeys(answers))
    return [answer for answer, _ in kept], [is_right for _, is_right in kept]
