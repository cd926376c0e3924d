"""ratings: Bradley-Terry strengths or Elo points of debaters or models, from matches between two of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyscore.metrics.core.arrays import Floats, Keys, as_float64, as_list, encode
from pyscore.metrics.core.bootstrap import bootstrap_estimate
from pyscore.metrics.core.design import Design, read_design
from pyscore.metrics.core.intervals import Interval, check_interval
from pyscore.metrics.core.readers import check_length
from pyscore.metrics.core.report import NAN, Estimate, Report
from pyscore.ops import checks

__all__ = ["RATINGS", "ratings"]

RATINGS = ("bradley_terry", "elo")

_INITIAL = 1000.0
"""Elo's rating of a new player, and of one that a resample leaves out."""
_STEPS = 10_000
_NO_RATINGS = "no finite ratings: some players won nothing, not even half, from the rest"

Rows = NDArray[np.int64]
Fit = Callable[[Rows], Floats]


def ratings(
    player_a: Any,
    player_b: Any,
    outcomes: Any,
    *,
    method: str = "bradley_terry",
    k: float = 4.0,
    clusters: Keys = None,
    interval: Interval = Interval(n_resamples=1_000),
) -> Report:
    """Ratings of debaters or models from matches between two of them, by the library `evalica` (extra ``debate``).

    "bradley_terry": the maximum likelihood of P(a beats b) = sigmoid(r_a - r_b), in nats, mean 0; differences times
    400/log 10 are Elo points. It exists only where no group of players has won nothing, not even half, from the rest
    (Ford 1957, "Solution of a Ranking Problem from Binary Comparisons"); else ratings are NaN, with that reason.
    Bradley & Terry 1952, "Rank Analysis of Incomplete Block Designs". "elo": each match moves both by ``k`` times
    (outcome - expected), from 1000, 400 points a factor 10 in odds; it depends on the order of the matches. Elo 1978,
    "The Rating of Chessplayers". A tie is half a win for both.

    Intervals are percentiles of resampled matches (whole clusters if given), in the order in which they were played.
    Resamples without finite ratings are left out and counted; if they are more than one tail of the interval it is not
    given. Ratings are relative to the other players: compare two of them by their difference.

    Args:
        player_a, player_b: ``[n]`` names.
        outcomes: ``[n]``, 1 if a won, 0 if b won, 0.5 for a tie; or a list of `evalica.Winner` (not an integer array of
            them, whose 0 is a draw).
        method: "bradley_terry" or "elo".
        k: of Elo.
        clusters: one hashable key a match, such as the debate that was judged in two orders.
        interval: confidence, seed and resamples, each of which is a fit of its own; method "auto" or "bootstrap".

    Raises:
        ImportError: evalica is not installed. TypeError: a name that is no string. ValueError: no matches, lengths
            that differ, another outcome, a match against oneself, with its row; an unknown method.
    """
    evalica = _import_evalica()
    checks.check_choice(method, "method", RATINGS)
    if check_interval(interval).method not in ("auto", "bootstrap"):
        raise ValueError(f"ratings have percentile intervals: give method 'auto' or 'bootstrap', not {interval.method}")
    interval = replace(interval, method="bootstrap")
    codes, names = _read_players(player_a, player_b)
    winners = _read_outcomes(outcomes, len(codes), evalica.Winner)
    wins = np.array([{evalica.Winner.X: 1.0, evalica.Winner.Y: 0.0}.get(winner, 0.5) for winner in winners])
    design = read_design(len(codes), clusters)

    def fit(rows: Rows) -> Floats:
        matches = (codes[rows, 0].tolist(), codes[rows, 1].tolist(), [winners[row] for row in rows])
        if method == "elo":
            result = evalica.elo(*matches, k=k, initial=_INITIAL)
            return as_float64(result.scores.reindex(range(len(names)), fill_value=_INITIAL).to_numpy(), "ratings")
        if not _linked(codes[rows], wins[rows], len(names)):
            return np.full(len(names), NAN)
        result = evalica.bradley_terry(*matches, tolerance=1e-9, limit=_STEPS)
        logs = np.log(as_float64(result.scores.reindex(range(len(names))).to_numpy(), "ratings"))
        return logs - logs.mean() if result.iterations < _STEPS else np.full(len(names), NAN)

    estimates, n_failed = _estimate_ratings(fit, design, interval)
    played = np.bincount(codes.ravel(), minlength=len(names))
    won = np.bincount(codes.ravel(), np.column_stack([wins, 1 - wins]).ravel(), len(names))
    order = sorted(range(len(names)), key=lambda i: (-np.nan_to_num(estimates[i].value), names[i]))
    return Report.of(
        "ratings",
        interval,
        title=f"{method.replace('_', '-')} ratings: {len(codes)} matches of {len(names)} players",
        estimates={names[i]: estimates[i] for i in order},
        numbers={"n_ties": int((wins == 0.5).sum()), "n_resamples_without_ratings": n_failed},
        rows=[{"player": names[i], "matches": int(played[i]), "share_won": won[i] / played[i]} for i in order],
        method=method,
        evalica=evalica.__version__,
        k=f"{k:g}" if method == "elo" else None,
    )


def _import_evalica() -> ModuleType:
    try:
        import evalica
    except ImportError:
        raise ImportError('ratings need evalica: pip install "pyscore-engine[debate]"') from None
    return evalica


def _read_players(player_a: Any, player_b: Any) -> tuple[Rows, list[str]]:
    """``[n, 2]`` codes of the players of each match, and their names."""
    first, second = as_list(player_a, "player_a"), as_list(player_b, "player_b")
    if not first:
        raise ValueError("player_a is empty: there are no matches to rate by")
    check_length("player_b", second, len(first))
    for row, match in enumerate(zip(first, second, strict=True)):
        for name, player in zip(("player_a", "player_b"), match, strict=True):
            if not isinstance(player, str):
                raise TypeError(f"{name}[{row}] must be a string, the player's name; got {player!r}")
        if match[0] == match[1]:
            raise ValueError(f"{match[0]!r} plays against itself in row {row}: leave such matches out")
    codes, names = encode([*first, *second])
    return codes.reshape(2, -1).T, [str(name) for name in names]


def _read_outcomes(outcomes: Any, n: int, winner: Any) -> list[Any]:
    """Each match's `evalica.Winner`. Its members are ints with Draw = 0, so they are told apart before any number."""
    given = as_list(outcomes, "outcomes")
    check_length("outcomes", given, n)
    meaning = {1: winner.X, 0: winner.Y, 0.5: winner.Draw}
    for row, outcome in enumerate(given):
        if not isinstance(outcome, winner) and outcome not in meaning:
            raise ValueError(f"outcomes[{row}] = {outcome!r}: give 1 (player_a won), 0 (player_b won) or 0.5 (a tie)")
    return [outcome if isinstance(outcome, winner) else meaning[outcome] for outcome in given]


def _linked(codes: Rows, wins: Floats, n_players: int) -> bool:
    """Whether every player leads to every other by a chain of wins or ties: then finite ratings exist."""
    from scipy.sparse.csgraph import connected_components

    won = np.zeros((n_players, n_players))
    np.add.at(won, (codes[:, 0], codes[:, 1]), wins)
    np.add.at(won, (codes[:, 1], codes[:, 0]), 1 - wins)
    return bool(connected_components(won, directed=True, connection="strong", return_labels=False) == 1)


def _estimate_ratings(fit: Fit, design: Design, interval: Interval) -> tuple[list[Estimate], int]:
    """Each player's rating with its percentile interval, and how many resamples gave no ratings."""
    n, units = design.sample.n, design.sample.units
    values = fit(np.arange(n))
    reason = "" if np.isfinite(values).all() else _NO_RATINGS
    reason = reason or design.sample.reason()
    if reason:
        return [Estimate.without_interval(float(value), n, reason) for value in values], 0
    rng = np.random.default_rng(interval.seed)
    drawn = np.empty((interval.n_resamples, len(values)))
    for row in range(interval.n_resamples):
        times = np.bincount(rng.integers(0, units, units), minlength=units)
        drawn[row] = fit(np.repeat(np.arange(n), times[design.codes]))
    finite = np.isfinite(drawn).all(axis=1)
    n_failed = int(np.count_nonzero(~finite))
    if n_failed > (1 - interval.confidence) / 2 * len(drawn) or finite.sum() < 2:
        reason = f"{n_failed} of {len(drawn)} resamples have no finite ratings"
        return [Estimate.without_interval(float(value), n, reason) for value in values], n_failed
    deviations = drawn[finite] - values
    return [
        bootstrap_estimate(float(value), deviations[:, i], design.sample, interval.confidence)
        for i, value in enumerate(values)
    ], n_failed
