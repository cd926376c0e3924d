"""The least that scoring could cost: a bare forward pass of the same model over the same number of distinct tokens.

It is the strongest version of it that is honest: under inference mode the model's body, without a cache, over rows of
one length that are full to the last token, in batches of ``batch_tokens``; and for as many positions as are scored the
unembedding, ``log_softmax`` and ``gather``, batch by batch. The rows are at least as long as the sequences are on
average, because the same tokens can't be run with shorter contexts, and of such lengths it is the one that is fastest
on this machine. Nothing is tokenised, planned, padded, masked, checked or stored. `score_beside` times whatever scores
the same questions beside it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch

from pyscore import Question, Scorer
from pyscore.engine.chunks import chunk_indices
from pyscore.engine.questions import requests_of, tokenize
from pyscore.engine.settings import ScoreSettings

__all__ = ["BARE", "OURS", "Load", "bare_forward", "fastest_length", "load_of", "score_beside", "seconds_by_length"]

BARE, OURS = "bare forward", "pyscore"
_LENGTHS = (64, 128, 256, 512)
_TRIES = 3


class Load(NamedTuple):
    """What a scoring call has to run.

    Attributes:
        tokens: distinct ones, each after what stands before it.
        positions: distinct ones whose next token is scored.
        mean_length: of the sequences, in tokens.
    """

    tokens: int
    positions: int
    mean_length: float


def load_of(scorer: Scorer, questions: Sequence[Question]) -> Load:
    """The load of `Scorer.score` on these questions, with the template "plain"."""
    positions = n_answers = 0
    for indices in chunk_indices(questions):
        tokens = tokenize(scorer.tokens, [questions[i] for i in indices], ScoreSettings())
        scored = set()
        for request in requests_of(answer for own in tokens for answer in own):
            whole = (*request.context, *request.continuation)
            scored |= {whole[:n] for n in range(len(request.context), len(whole))}
        positions += len(scored)
        n_answers += sum(map(len, tokens))
    counts = scorer.explain(questions)
    return Load(counts.distinct, positions, counts.naive / n_answers)


def bare_forward(model: Any, load: Load, batch_tokens: int, length: int) -> Callable[[], float]:
    """A function that runs the bare forward pass of a load, and returns the sum of what it scores.

    Args:
        model: a causal LM, in evaluation mode.
        load: what is to be run; the last batch has the rest of its tokens.
        batch_tokens: of a batch.
        length: of its rows.
    """
    body, weight = model.base_model, model.get_output_embeddings().weight
    ids = torch.randint(0, weight.shape[0], (load.tokens,), generator=torch.Generator().manual_seed(0))
    batches = list(_batches(ids, batch_tokens, length))

    def run() -> float:
        total, done, scored = 0.0, 0, 0
        with torch.inference_mode():
            for batch in batches:
                hidden = body(input_ids=batch, use_cache=False).last_hidden_state.flatten(0, 1)
                done += batch.numel()
                n = load.positions * done // load.tokens - scored
                scored += n
                # Positions of a batch are spread evenly; one position may be scored for several tokens, once each here.
                states = hidden[torch.arange(n) * len(hidden) // max(n, 1)]
                logprobs = (states @ weight.T).float().log_softmax(-1)
                total += float(logprobs.gather(1, batch.flatten()[:n, None]).sum())
        return total

    return run


def _batches(ids: torch.Tensor, batch_tokens: int, length: int) -> Iterator[torch.Tensor]:
    rows = max(1, batch_tokens // length)
    for part in ids.split(rows * length):
        whole = len(part) // length * length
        if whole:
            yield part[:whole].view(-1, length)
        if whole < len(part):
            yield part[None, whole:]


def seconds_by_length(model: Any, batch_tokens: int) -> dict[int, float]:
    """CPU seconds of a full batch by the length of its rows."""
    seconds = {}
    for length in _LENGTHS:
        run = bare_forward(model, Load(batch_tokens, 0, 0.0), batch_tokens, length)
        run()  # not timed: it allocates memory and picks kernels
        seconds[length] = min(_timed(run).cpu for _ in range(_TRIES))
    return seconds


def fastest_length(seconds: Mapping[int, float], load: Load) -> int:
    """The length of rows that is fastest, of those that are no shorter than the sequences on average."""
    return min((n for n in seconds if n >= load.mean_length), key=seconds.__getitem__, default=max(seconds))


class _Seconds(NamedTuple):
    wall: float
    cpu: float
    """Of all threads of the process: other programs on the machine lengthen the wall's seconds far more than these."""


def _timed(call: Callable[[], Any]) -> _Seconds:
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return _Seconds(time.perf_counter() - wall, time.process_time() - cpu)


def score_beside(
    benchmark: Any, bare: Callable[[], Any], score: Callable[[], Any], *, rounds: int, **facts: Any
) -> None:
    """Time a scoring call by pytest-benchmark's fixture, and before it in each round the bare forward pass.

    The medians go to ``extra_info``: ``seconds`` of the bare forward pass, and ``cpu_seconds`` of both.

    Args:
        benchmark: the fixture.
        bare: of `bare_forward`, with the load of the call.
        score: the call: `Scorer.score`, or whatever else scores the same questions.
        rounds: of both, in turns.
        facts: of the case, kept beside the times.
    """
    found: dict[str, list[_Seconds]] = {BARE: [], OURS: []}

    def timed() -> None:
        found[OURS].append(_timed(score))

    def setup() -> None:
        found[BARE].append(_timed(bare))

    benchmark.pedantic(timed, setup=setup, rounds=rounds)
    benchmark.extra_info.update(
        facts,
        kind="score",
        seconds={BARE: statistics.median(_each(found[BARE], "wall"))},
        cpu_seconds={name: statistics.median(_each(times, "cpu")) for name, times in found.items()},
        rates={},
        every_round={name: [list(each) for each in times] for name, times in found.items()},
    )


def _each(times: Iterable[_Seconds], field: str) -> list[float]:
    return [getattr(each, field) for each in times]
