"""What two runs don't have in common beside their models: what a reader of their difference should know."""

from __future__ import annotations

from pyscore.results.matching import Matched, differing
from pyscore.results.question_scores import QuestionScores

__all__ = ["notes_on"]

_CONDITIONS = {"choices": "compared answers", "dtype": "dtype", "add_bos_token": "add_bos_token"}


def notes_on(
    first: QuestionScores,
    other: QuestionScores,
    matched: Matched,
    names: tuple[str, str] = ("A", "B"),
    normalize: str = "sum",
) -> list[str]:
    """One sentence for each thing that differs, or that was left out."""
    notes = [f"{names[1]}: {note}" for note in other.notes]
    notes += _left_out(first, other, matched, names) + _prompts(first, other, matched, names)
    for key, label in _CONDITIONS.items():
        values = first.metadata.get(key), other.metadata.get(key)
        if None not in values and values[0] != values[1]:
            notes.append(f"{label} differ: {values[0]} in {names[0]}, {values[1]} in {names[1]}")
    tokenizers = {scores.metadata.get("tokenizer_hash") for scores in (first, other)}
    if normalize == "token" and None not in tokenizers and len(tokenizers) > 1:
        notes.append(
            f"{names[0]} and {names[1]} have other tokenizers: log-probabilities per token are of other tokens"
        )
    for scores, name in ((first, names[0]), (other, names[1])):
        if "probability" not in scores.values:
            notes.append(f"{name} says right or wrong alone: its accuracy is compared, as the preference rate")
    return notes


def _left_out(first: QuestionScores, other: QuestionScores, matched: Matched, names: tuple[str, str]) -> list[str]:
    n = len(matched.first)
    only = len(first) - n, len(other) - n
    if not any(only):
        return []
    return [
        f"{n} questions that both hold are compared: {only[0]} are only in {names[0]} and {only[1]} only in {names[1]}"
    ]


def _prompts(first: QuestionScores, other: QuestionScores, matched: Matched, names: tuple[str, str]) -> list[str]:
    """Whether the models read other prompts: a difference is then of prompts as well."""
    meaning = "so this compares prompts as well"
    templates = [scores.metadata.get("template") for scores in (first, other)]
    hashes = [scores.metadata.get("template_hash") for scores in (first, other)]
    if None not in templates and templates[0] != templates[1]:
        return [f"templates differ: {templates[0]!r} in {names[0]}, {templates[1]!r} in {names[1]}, {meaning}"]
    if None not in hashes and hashes[0] != hashes[1]:
        return [f"template {templates[0]!r} makes other prompts in {names[0]} than in {names[1]}, {meaning}"]
    differ = differing(first, other, matched, "prompts")
    if len(differ):
        return [f"the prompts of {len(differ)} questions differ between {names[0]} and {names[1]}, {meaning}"]
    return []
