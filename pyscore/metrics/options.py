"""The option that a model's free-text answer chooses, by fixed rules that would rather not read than guess."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from pyscore.metrics.core.arrays import Keys
from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.means import Averages
from pyscore.metrics.core.readers import check_same_length, read_strings
from pyscore.metrics.core.report import Report
from pyscore.ops import checks

__all__ = ["extract_option", "extract_options", "option_accuracy"]

UNREADABLE = ("none", "raise")
UNREADABLE_ACCURACY = ("mismatch", "drop", "raise")


def extract_option(text: str, options: Sequence[str], *, unreadable: str = "none") -> str | None:
    """The option that a free-text answer chooses, as it is written in ``options``; None where it can't be read.

    Spaces and brackets around an option don't belong to it: " (A)" is read like "A". The first rule that finds
    something decides, and where it finds several different options the answer is unreadable:

    1. **A final statement**: "answer", "option" or "choice", then "is" (was, would be, should be, must be), ":" or "=",
       then the option, with quotes, brackets, Markdown, \\boxed{} or the word "option" in between. The last statement
       counts; one that lists several options ("A or B", "A, B", "A/B") is unreadable.
    2. **A line of its own**: nothing but the option, and perhaps brackets, quotes, Markdown and a full stop.
    3. **A mention**: a one-letter option in brackets, in bold, after the word "option" or "choice", or with ".", ")" or
       ":" behind it at the start of a line or of bold text; a longer option as a word. After "not" or "n't" it is none.

    Case doesn't matter, except where a letter has no mark behind it: "the answer is B by far" is read, "the answer is b
    by far" isn't. "A" and "I" are words too: after "answer is" they need a mark, the end of the line, "because",
    "since" or "as" behind them, so "The answer is a cat", "Answer: I think so" and "A cat" are unreadable.

    Args:
        text: the model's answer, cut where its turn ends.
        options: two or more, for example ``("A", "B", "C")`` or ``(" Yes", " No")``; letters, digits or words.
        unreadable: "none" gives None, "raise" a ValueError.
    """
    return extract_options([text], options, unreadable=unreadable)[0]


def extract_options(
    texts: Iterable[str], options: Sequence[str] | Sequence[Sequence[str]], *, unreadable: str = "none"
) -> list[str | None]:
    """`extract_option` of many texts; ``options`` are those of all texts, or one sequence of options a text.

    Raises:
        TypeError: a text that is no string. ValueError: options that are empty, fewer than two or the same twice; with
            ``unreadable="raise"`` a text that can't be read; each with its row.
    """
    checks.check_choice(unreadable, "unreadable", UNREADABLE)
    given = read_strings(texts, "texts")
    chosen = [_read_option(text, which) for text, which in zip(given, _options_of(options, len(given)), strict=True)]
    if unreadable == "raise" and None in chosen:
        row = chosen.index(None)
        raise ValueError(
            f"texts[{row}] = {_short(given[row])} names no single option ({chosen.count(None)} such rows): "
            "read it by hand, or count it by another choice of unreadable"
        )
    return chosen


def option_accuracy(
    texts: Iterable[str],
    correct: Iterable[str],
    options: Sequence[str] | Sequence[Sequence[str]],
    *,
    unreadable: str = "mismatch",
    clusters: Keys = None,
    interval: Interval = Interval(),
) -> Report:
    """How often the option that is read from a text is the correct one, and how often none can be read.

    Args:
        texts, options: as in `extract_options`.
        correct: the correct option of each text, one of its options.
        unreadable: "mismatch" counts an unreadable text as wrong, "drop" leaves it out of ``accuracy``, "raise" refuses
            it. The rate of unreadable texts is over all texts in any case.
        clusters: one hashable key a text.
        interval: confidence, method and the rest.
    """
    checks.check_choice(unreadable, "unreadable", UNREADABLE_ACCURACY)
    given = read_strings(texts, "texts")
    chosen = extract_options(given, options, unreadable="raise" if unreadable == "raise" else "none")
    gold = _gold(read_strings(correct, "correct"), _options_of(options, len(given)))
    over = Averages(len(given), clusters, interval)
    readable = np.array([choice is not None for choice in chosen], bool)
    right = np.array([choice == answer for choice, answer in zip(chosen, gold, strict=True)], bool)
    kept = readable if unreadable == "drop" else np.ones(len(given), bool)
    unread = over.rate(~readable, name="texts")
    return Report.of(
        "option_accuracy",
        interval,
        title=f"Options read from {len(given)} texts",
        estimates={"accuracy": over.rate(right, kept, "no text is readable"), "unreadable": unread},
        numbers={
            "n_texts": len(given),
            "n_unreadable": int(np.count_nonzero(~readable)),
            "n_dropped": int(np.count_nonzero(~kept)),
        },
        unreadable=unreadable,
    )


class _Rules(NamedTuple):
    """The patterns for one set of options, and from each label in lower case to its option."""

    statement: re.Pattern[str]
    label: re.Pattern[str]
    line: re.Pattern[str]
    mention: re.Pattern[str]
    options: dict[str, str]


# Texts are translated by this table first, so that the patterns need to know one kind of quote, dash and line end only.
# A zero-width space is removed: it separates nothing.
_PLAIN = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u2013": " - ",
        "\u2014": " - ",
        "\r": "\n",
        "\u200b": "",
    }
)
# Every run is bounded: a text of nothing but spaces or asterisks must not take a time that grows with its square.
_CUE = r"(?i:\b(?:answer|option|choice)\b[ \t*_\"'`]{0,8}(?:(?:is|was|(?:would|should|must)\s+be)\b|[:=]))"
_OPENING = r"(?:[\s*_\"'`$(\[{:]|\\(?:boxed|text|textbf|mathrm)\b|(?i:option|choice)\b){0,16}"
_JOINT = r"[)\]}*_\"'`\s]{0,8}(?:,|[/&]|\b(?:and|or)\b)(?:\s{0,2}(?:and|or)\b)?"
_MARK = r"(?:[ \t]*$|[)\]}*_`\"]|[.,;:!?'](?!\w)|[ \t]{0,2}-(?!\w)|[ \t]{1,2}\(|\s{1,2}(?:because|since|as)\b)"
_ENDS = r"(?!\w|[.,:'/-]\w)"
_NEGATED = re.compile(r"(?:\bnot|n't)[\s*_\"'`(\[]*$", re.IGNORECASE)


@lru_cache(maxsize=4096)
def _rules(options: tuple[str, ...]) -> _Rules:
    labels = {_label(option): option for option in options}
    letters = [label for label in labels if len(label) == 1 and label.isalnum()]
    letter, word = _any_of(letters), _any_of(label for label in labels if label not in letters)
    either = f"(?i:{_any_of(labels)})"
    marked = rf"(?i:{letter})(?={_MARK}|{_JOINT}\s{{0,2}}[(\[*]{{0,4}}{letter}(?!\w))"
    bare = [rf"(?:{_any_of(set(letters) - set(ambiguous))}{_ENDS}|{marked})" for ambiguous in ("AI", "I")]
    whole_word = rf"(?i:{word})(?!\w|['-]\w)"
    mentions = (
        rf"(?<!\w)[(\[]\s{{0,2}}((?i:{letter}))\s{{0,2}}[)\]]",
        rf"\*[ \t]?({letter})[ \t]?[.):]?\*",
        rf"\b(?i:option|choice)\s{_OPENING}({bare[1]})",
        rf"(?:^|\*\*)[ \t>#*_-]{{0,8}}((?i:{letter}))(?:\)|[.:](?=[\s*]|$))",
        rf"(?<!\w)(?<!\w-)({whole_word})",
    )
    several = rf"(?:{bare[0]}|{whole_word})(?:{_JOINT}{_OPENING}(?:{marked}|{whole_word}))*"
    return _Rules(
        statement=re.compile(rf"{_CUE}{_OPENING}({several})", re.MULTILINE),
        label=re.compile(rf"(?<!\w){either}(?!\w)"),
        line=re.compile(rf"^[ \t*_\"'`$>#(\[{{-]*(?:\\boxed{{)?({either})[ \t*_\"'`$)\]}}.!]*$", re.MULTILINE),
        mention=re.compile("|".join(mentions), re.MULTILINE),
        options={label.casefold(): option for label, option in labels.items()},
    )


def _read_option(text: str, options: tuple[str, ...]) -> str | None:
    rules, text = _rules(options), text.translate(_PLAIN)
    statements = list(rules.statement.finditer(text))
    found = rules.label.findall(statements[-1][1]) if statements else rules.line.findall(text)
    found = found or [
        match[match.lastindex or 0]
        for match in rules.mention.finditer(text)
        if not _NEGATED.search(text[max(match.start() - 16, 0) : match.start()])
    ]
    # A letter that only a pattern without case takes for an option's, such as a dotless i, is no key here: it reads as
    # None.
    chosen = {rules.options.get(label.casefold()) for label in found}
    return chosen.pop() if len(chosen) == 1 else None


def _label(option: str) -> str:
    """The option without spaces and brackets around it."""
    stripped = option.translate(_PLAIN).strip()
    bracketed = re.fullmatch(r"[(\[]\s*(.*?)\s*[)\]]", stripped)
    return bracketed[1] if bracketed else stripped


def _any_of(labels: Iterable[str]) -> str:
    """A pattern of any of the labels, the longest first; of none, one that never matches."""
    escaped = [re.escape(label) for label in sorted(labels, key=lambda label: (-len(label), label))]
    return f"(?:{'|'.join(escaped)})" if escaped else "(?!)"


def _options_of(options: Sequence[str] | Sequence[Sequence[str]], n: int) -> list[tuple[str, ...]]:
    """The options of each of n texts, checked."""
    if isinstance(options, str) or not len(options) or isinstance(options[0], str):
        return [_checked(options, "options")] * n
    if len(options) != n:
        raise ValueError(f"options must be the same for all texts or one sequence a text: {n} texts, {len(options)}")
    return [_checked(some, f"options[{row}]") for row, some in enumerate(options)]


def _checked(options: Sequence[object], name: str) -> tuple[str, ...]:
    given = tuple(read_strings(options, name))
    labels = [_label(option).casefold() for option in given]
    if len(given) < 2 or not all(labels) or len(set(labels)) < len(labels):
        raise ValueError(f"{name} must be two or more different options, none of them empty; got {given}")
    return given


def _gold(correct: list[str], options: list[tuple[str, ...]]) -> list[str]:
    check_same_length("texts", texts=options, correct=correct)
    for row, (answer, some) in enumerate(zip(correct, options, strict=True)):
        if answer not in some:
            raise ValueError(f"correct[{row}] = {answer!r} is none of the options {some}")
    return correct


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")
