"""Which sequences to run, grouped into batches, and where in them every answer's tokens are scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyscore.engine.tokenization import AnswerTokens

__all__ = ["Batch", "Plan", "plan_batches"]


@dataclass(frozen=True)
class Batch:
    """Sequences to run together, and the tokens to score after some of their positions.

    Attributes:
        sequences: token ids, the longest first; to be padded on the right.
        rows, columns: for each scored position, its sequence and its place in it, [N].
        targets: candidate next tokens, flat, [M].
        target_offsets: position n has the candidates ``targets[target_offsets[n]:target_offsets[n + 1]]``, [N + 1].
    """

    sequences: list[tuple[int, ...]]
    rows: list[int]
    columns: list[int]
    targets: list[int]
    target_offsets: list[int]


@dataclass(frozen=True)
class Plan:
    """Batches, and for each answer the places of its tokens among the targets of all batches laid end to end."""

    batches: list[Batch]
    places: list[list[int]]


def plan_batches(answers: Sequence[AnswerTokens], batch_tokens: int) -> Plan:
    """Plan the forward passes that score these answers.

    An answer's last token is predicted but never run, so answers that differ only there (" Yes" and " No", say) share
    one sequence, and equal positions of equal sequences are scored once, with all of their candidates. Sequences are
    ordered by length and then by their tokens, so that a batch doesn't depend on the order of the questions; a batch
    has as many as fit into ``batch_tokens`` tokens, padding counted, and at least one.
    """
    candidates: dict[tuple[int, ...], dict[tuple[int, int], int]] = {}
    for answer in answers:
        wanted = candidates.setdefault(_sequence(answer), {})
        for position_and_token in _targets(answer):
            wanted[position_and_token] = -1
    ordered = sorted(candidates, key=lambda sequence: (-len(sequence), sequence))
    batches, place = [], 0
    for group in _groups(ordered, batch_tokens):
        batch = _batch(group, candidates)
        batches.append(batch)
        for sequence in group:
            for wanted_key in sorted(candidates[sequence]):
                candidates[sequence][wanted_key] = place
                place += 1
    places = [[candidates[_sequence(answer)][key] for key in _targets(answer)] for answer in answers]
    return Plan(batches, places)


def _sequence(answer: AnswerTokens) -> tuple[int, ...]:
    return (*answer.context, *answer.answer[:-1])


def _targets(answer: AnswerTokens) -> list[tuple[int, int]]:
    """(position whose next token it is, token) of every answer token."""
    return [(len(answer.context) - 1 + i, token) for i, token in enumerate(answer.answer)]


def _groups(ordered: Sequence[tuple[int, ...]], batch_tokens: int) -> list[list[tuple[int, ...]]]:
    groups: list[list[tuple[int, ...]]] = []
    for sequence in ordered:
        # The longest comes first, so its length is what all of its batch are padded to.
        if groups and len(groups[-1][0]) * (len(groups[-1]) + 1) <= batch_tokens:
            groups[-1].append(sequence)
        else:
            groups.append([sequence])
    return groups


def _batch(sequences: list[tuple[int, ...]], candidates: dict[tuple[int, ...], dict[tuple[int, int], int]]) -> Batch:
    rows: list[int] = []
    columns: list[int] = []
    targets: list[int] = []
    offsets: list[int] = []
    for row, sequence in enumerate(sequences):
        last = -1
        for position, token in sorted(candidates[sequence]):
            if position != last:
                rows.append(row)
                columns.append(position)
                offsets.append(len(targets))
                last = position
            targets.append(token)
    return Batch(sequences, rows, columns, targets, [*offsets, len(targets)])
