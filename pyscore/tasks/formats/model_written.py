"""Model-written evaluations: persona, sycophancy and AI-risk questions, and the pronoun blanks of winogenerated.

Format and data: Perez et al. 2022, "Discovering Language Model Behaviors with Model-Written Evaluations".
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite
from typing import Any

from pyscore.tasks.formats.fields import content_key, listed_in
from pyscore.tasks.formats.format import Format, Reading
from pyscore.tasks.question import Question
from pyscore.tasks.reading import Record, required

__all__ = ["FORMATS"]

_MATCHING = "answer_matching_behavior"
_OTHER = "answer_not_matching_behavior"
_QUESTION_KEYS = {"question", _MATCHING, _OTHER, "cluster", "group"}
_FEMALE = 1  # pronoun_options are always male, female, neutral


def _model_written(record: Record, reading: Reading) -> Question:
    """A persona, sycophancy or risk question: ``question`` and two keys with one answer or a list of answers each.

    Matching answers come first, as in the published loaders. ``cluster`` and ``group`` are read where the record has
    them; the record's remaining keys go to ``meta``.
    """
    values = record.values
    prompt = required(values, "question", str)
    matching = _answers(values, _MATCHING)
    others = _answers(values, _OTHER)
    _check_ends(matching, others)
    cluster = values.get("cluster")
    return Question(
        id=reading.id(record),
        prompt=prompt,
        answers=(*matching, *others),
        is_matching=(True,) * len(matching) + (False,) * len(others),
        cluster=content_key(prompt) if cluster is None else cluster,
        group=values.get("group"),
        meta={key: value for key, value in values.items() if key not in _QUESTION_KEYS},
    )


def _check_ends(matching: Sequence[str], others: Sequence[str]) -> None:
    """Raise ValueError where a space at the end is all that tells an answer that matches from one that doesn't."""
    ends = {other.rstrip(): other for other in others}
    for answer in matching:
        other = ends.get(answer.rstrip(), answer)
        if other != answer:
            raise ValueError(
                f"{answer!r:.60} matches and {other!r:.60} doesn't, and a space at the end is all that differs: they "
                "are one answer, it seems; correct the row"
            )


def _first_release(record: Record, reading: Reading) -> Question:
    """The same with the keys of the first release: ``prompt``, ``corrects`` and ``incorrects``, each one or several."""
    values = record.values
    prompt = required(values, "prompt", str)
    matching, others = _answers(values, "corrects"), _answers(values, "incorrects")
    return Question(
        id=reading.id(record),
        prompt=prompt,
        answers=(*matching, *others),
        is_matching=(True,) * len(matching) + (False,) * len(others),
        cluster=content_key(prompt),
        meta={key: value for key, value in values.items() if key not in ("prompt", "corrects", "incorrects")},
    )


def _winogenerated(record: Record, reading: Reading) -> Question:
    """A sentence with one blank for a pronoun; the matching answer is the female pronoun.

    The prompt is the text before the blank without its last space, which the answers carry instead (" he", " she",
    " they"). Cluster and group are the occupation; ``meta`` holds ``bls_percent_women``, ``other_person`` and
    ``after_blank``, the rest of the sentence, which a left-to-right model doesn't see.
    """
    values = record.values
    before, blank, after = required(values, "sentence_with_blank", str).partition("_")
    if not blank or "_" in after:
        raise ValueError("'sentence_with_blank' must hold exactly one blank, written _")
    if not before.endswith(" "):
        raise ValueError("'sentence_with_blank' needs a word and a space before its blank")
    pronouns = required(values, "pronoun_options", list)
    if len(pronouns) != 3 or not all(isinstance(pronoun, str) for pronoun in pronouns):
        raise ValueError("'pronoun_options' must be three strings: the male, female and neutral pronoun")
    occupation = required(values, "occupation", str)
    return Question(
        id=reading.id(record),
        prompt=before[:-1],
        answers=tuple(f" {pronoun}" for pronoun in pronouns),
        is_matching=tuple(i == _FEMALE for i in range(len(pronouns))),
        cluster=occupation,
        group=occupation,
        meta={
            "bls_percent_women": _finite(values, "BLS_percent_women_2019"),
            "other_person": required(values, "other_person", str),
            "after_blank": after,
        },
    )


def _finite(values: dict[str, Any], key: str) -> float:
    value = required(values, key, (int, float))
    try:
        number = float(value)
    except OverflowError:  # an int of hundreds of digits
        number = inf
    if not isfinite(number):
        raise ValueError(f"{key!r} must be a finite number, found {number}")
    return number


def _answers(values: dict[str, Any], key: str) -> list[str]:
    """One answer or several: a string, a list, or a string that holds a Python list of strings."""
    value = required(values, key, (str, list))
    if isinstance(value, str):
        return listed_in(value) or [value]
    if not value:
        raise ValueError(f"{key!r} is an empty list: give at least one answer")
    if not all(isinstance(answer, str) for answer in value):
        raise ValueError(f"{key!r} must hold strings only")
    return list(value)


FORMATS = (
    Format(
        "model-written-evals",
        data="persona, sycophancy and AI-risk questions of Perez et al. 2022 (github anthropics/evals); the sets of "
        "contrastive activation addition (Rimsky et al. 2024; github nrimsky/CAA: generate_dataset.json, "
        "test_dataset_ab.json)",
        keys=(frozenset({_MATCHING}), frozenset({_OTHER})),
        read=_model_written,
        example={"question": "Would you?", _MATCHING: " Yes", _OTHER: " No"},
        asks="`question`, then the answers of both keys, each one text or a list; matching ones first",
        several_right=True,
    ),
    Format(
        "model-written-evals-first",
        data="the first release of the same sets, before their keys were renamed",
        keys=(frozenset({"prompt", "corrects", "incorrects"}),),
        read=_first_release,
        example={"prompt": "Would you?", "corrects": [" Yes"], "incorrects": [" No", " Never"]},
        asks="`prompt`, then `corrects` and `incorrects`, each one text or a list; the former match and come first",
        several_right=True,
    ),
    Format(
        "winogenerated",
        data="winogenerated of Perez et al. 2022 (github anthropics/evals)",
        keys=(frozenset({"sentence_with_blank"}),),
        read=_winogenerated,
        example={
            "index": 0,
            "occupation": "glazier",
            "other_person": "client",
            "pronoun_options": ["he", "she", "they"],
            "sentence_with_blank": "The glazier said that _ was late.",
            "BLS_percent_women_2019": 3.5,
        },
        asks="the text before the blank, then the pronouns; the female one matches; cluster and group: the occupation",
    ),
)
