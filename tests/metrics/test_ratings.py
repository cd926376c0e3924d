"""ratings: Bradley-Terry by hand and by logistic regression, Elo by hand, and matches that no rating fits."""

from __future__ import annotations

import sys
from math import exp, isnan, log

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.ratings import ratings

evalica = pytest.importorskip("evalica", reason='ratings need evalica: pip install "pyscore-engine[debate]"')

FEW = Interval(n_resamples=50)


def tournament(seed: int, n: int = 200, players: int = 4) -> tuple[list[str], list[str], list[float]]:
    """Matches of players whose strengths lie one nat apart at most, a tenth of them ties."""
    rng = np.random.default_rng(seed)
    first = rng.integers(0, players, n)
    second = (first + rng.integers(1, players, n)) % players
    strength = np.linspace(0, 1, players)
    won = rng.random(n) < 1 / (1 + np.exp(strength[second] - strength[first]))
    outcomes = np.where(rng.random(n) < 0.1, 0.5, won)
    return [f"p{i}" for i in first], [f"p{i}" for i in second], outcomes.tolist()


def test_two_players_are_as_far_apart_as_the_log_odds_of_their_wins() -> None:
    # 7 wins to 3, written from both sides; then 6 wins, 2 losses and 2 ties, which is 7 to 3 again
    plain = ratings(["a"] * 5 + ["b"] * 5, ["b"] * 5 + ["a"] * 5, [1] * 5 + [1] * 3 + [0] * 2, interval=FEW)
    tied = ratings(["a"] * 10, ["b"] * 10, [1] * 6 + [0] * 2 + [0.5] * 2, interval=FEW)
    for report in (plain, tied):
        assert report["a"].value == pytest.approx(log(7 / 3) / 2)
        assert report["b"].value == pytest.approx(-log(7 / 3) / 2)
        assert [dict(row) for row in report.rows] == [
            {"player": "a", "matches": 10, "share_won": pytest.approx(0.7)},
            {"player": "b", "matches": 10, "share_won": pytest.approx(0.3)},
        ]
    assert tied.numbers["n_ties"] == 2


@settings(max_examples=10)
@given(st.integers(0, 10**6))
def test_bradley_terry_equals_a_logistic_regression_without_intercept(seed: int) -> None:
    first, second, outcomes = tournament(seed)
    found = ratings(first, second, outcomes, interval=Interval(n_resamples=2))
    design = np.zeros((len(first), 4))
    design[np.arange(len(first)), [int(name[1]) for name in first]] += 1
    design[np.arange(len(first)), [int(name[1]) for name in second]] -= 1
    fitted = sm.GLM(outcomes, design[:, 1:], family=sm.families.Binomial()).fit(tol=1e-12)
    expected = np.r_[0.0, fitted.params]
    expected -= expected.mean()
    assert [found[f"p{i}"].value for i in range(4)] == pytest.approx(expected.tolist(), abs=1e-6)


def test_the_interval_is_near_that_of_the_likelihood() -> None:
    # two players, n matches: the rating is half the log odds, whose standard error is 1/√(n p q)
    n, p = 400, 0.7
    report = ratings(["a"] * n, ["b"] * n, [1.0] * int(n * p) + [0.0] * (n - int(n * p)))
    stderr = 0.5 / (n * p * (1 - p)) ** 0.5
    assert report["a"].stderr == pytest.approx(stderr, rel=0.1)
    assert report["a"].low == pytest.approx(report["a"].value - 1.96 * stderr, abs=0.3 * stderr)
    assert report["a"].high == pytest.approx(report["a"].value + 1.96 * stderr, abs=0.3 * stderr)


def test_elo_of_two_matches_equals_a_worked_example() -> None:
    # 16·(1 - ½) = 8; then b is expected to win 1/(1 + 10^(16/400)) and wins
    expected = 1 / (1 + 10 ** (16 / 400))
    report = ratings(["a", "b"], ["b", "a"], [1, 1], method="elo", k=16, interval=FEW)
    assert report["b"].value == pytest.approx(992 + 16 * (1 - expected))
    assert report["a"].value == pytest.approx(1008 - 16 * (1 - expected))
    assert "k:16|" in report.signature


def test_elo_depends_on_the_order_of_matches_and_bradley_terry_does_not() -> None:
    first, second, outcomes = tournament(0)
    turned = (first[::-1], second[::-1], outcomes[::-1])
    for method, same in (("bradley_terry", True), ("elo", False)):
        there = ratings(first, second, outcomes, method=method, interval=FEW)
        back = ratings(*turned, method=method, interval=FEW)
        assert (there["p0"].value == pytest.approx(back["p0"].value, abs=1e-7)) is same


@settings(max_examples=5)
@given(st.integers(0, 10**6))
def test_writing_every_match_from_the_other_side_changes_nothing(seed: int) -> None:
    first, second, outcomes = tournament(seed)
    for method in ("bradley_terry", "elo"):
        there = ratings(first, second, outcomes, method=method, interval=FEW)
        back = ratings(second, first, [1 - outcome for outcome in outcomes], method=method, interval=FEW)
        for name, estimate in there.estimates.items():
            assert back[name].value == pytest.approx(estimate.value, abs=1e-6)
            assert back[name].low == pytest.approx(estimate.low, abs=1e-6)


def test_turning_all_outcomes_around_negates_the_ratings() -> None:
    first, second, outcomes = tournament(3)
    there = ratings(first, second, outcomes, interval=FEW)
    back = ratings(first, second, [1 - outcome for outcome in outcomes], interval=FEW)
    for name, estimate in there.estimates.items():
        assert back[name].value == pytest.approx(-estimate.value, abs=1e-6)
        assert back[name].low == pytest.approx(-estimate.high, abs=1e-6)


def test_winners_of_evalica_are_told_from_numbers() -> None:
    winner = evalica.Winner
    # as ints these are 1, 2 and 0, and 0 would be a loss
    named = ratings(["a"] * 4, ["b"] * 4, [winner.X, winner.X, winner.Y, winner.Draw], interval=FEW)
    assert named.estimates == ratings(["a"] * 4, ["b"] * 4, [1, 1, 0, 0.5], interval=FEW).estimates
    assert named["a"].value == pytest.approx(log(2.5 / 1.5) / 2)


def test_the_result_depends_on_the_seed_alone() -> None:
    matches = tournament(1)
    a, b = (ratings(*matches, interval=Interval(n_resamples=50, seed=seed)) for seed in (0, 1))
    assert ratings(*matches, interval=FEW).estimates == a.estimates
    assert a["p0"].value == b["p0"].value and a["p0"].low != b["p0"].low


def test_whole_clusters_are_drawn() -> None:
    # each result is written down ten times: as matches of their own they would look like ten times as much
    outcomes = [1.0] * 20 + [0.0] * 12
    once = ratings(["a"] * 32, ["b"] * 32, outcomes)
    tenfold = (["a"] * 320, ["b"] * 320, outcomes * 10)
    clustered = ratings(*tenfold, clusters=list(range(32)) * 10)
    assert clustered["a"].stderr == pytest.approx(once["a"].stderr, rel=1e-6)
    assert ratings(*tenfold)["a"].stderr == pytest.approx(once["a"].stderr / 10**0.5, rel=0.2)


@pytest.mark.parametrize(
    ("first", "second", "outcomes"),
    [
        ("aab", "bcc", [1, 1, 1]),  # a lost nothing
        ("abcd", "badc", [1, 1, 1, 1]),  # two groups that never met
        ("aba", "bac", [1, 1, 1]),  # c won nothing
    ],
)
def test_players_whom_no_chain_of_wins_joins_have_no_ratings(first: str, second: str, outcomes: list[int]) -> None:
    report = ratings(list(first), list(second), outcomes, interval=FEW)
    assert all(isnan(e.value) and "won nothing" in e.reason for e in report.estimates.values())
    # Elo has a rating for everybody
    assert not any(
        isnan(e.value) for e in ratings(list(first), list(second), outcomes, method="elo").estimates.values()
    )


def test_resamples_without_ratings_are_counted_and_too_many_spoil_the_interval() -> None:
    # b won one of five: every third resample or so leaves that match out, 0.8^5
    report = ratings(["a"] * 5, ["b"] * 5, [1, 1, 1, 1, 0])
    assert report["a"].value == pytest.approx(log(4) / 2)
    assert isnan(report["a"].low) and "have no finite ratings" in report["a"].reason
    assert report.numbers["n_resamples_without_ratings"] / 1000 == pytest.approx(0.8**5, abs=0.06)


def test_a_few_resamples_without_ratings_leave_the_interval_and_are_counted() -> None:
    report = ratings(["a"] * 20, ["b"] * 20, [1] * 15 + [0] * 5, interval=Interval(n_resamples=2000))
    assert 0 < report.numbers["n_resamples_without_ratings"] < 50
    assert report["a"].low < report["a"].value < report["a"].high


def test_one_match_has_no_interval() -> None:
    report = ratings(["a"], ["b"], [0.5])
    assert report["a"].value == pytest.approx(0.0)
    assert isnan(report["a"].low) and report["a"].reason.startswith("one question")


def test_a_long_chain_of_uneven_players_is_fitted() -> None:
    first = [f"p{i:02}" for i in range(11) for _ in range(10)]
    second = [f"p{i + 1:02}" for i in range(11) for _ in range(10)]
    report = ratings(first, second, ([1] * 9 + [0]) * 11, interval=Interval(n_resamples=2))
    steps = [report[f"p{i:02}"].value - report[f"p{i + 1:02}"].value for i in range(11)]
    assert [1 / (1 + exp(-step)) for step in steps] == pytest.approx([0.9] * 11, abs=1e-6)


def test_without_evalica_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "evalica", None)
    with pytest.raises(ImportError, match=r'pip install "pyscore-engine\[debate\]"'):
        ratings(["a"], ["b"], [1])


@pytest.mark.parametrize(
    ("matches", "options", "error", "message"),
    [
        (([], [], []), {}, ValueError, "player_a is empty"),
        ((["a"], ["b", "c"], [1]), {}, ValueError, "player_b must have one entry"),
        ((["a"], ["b"], [1, 0]), {}, ValueError, "outcomes must have one entry"),
        ((["a", 1], ["b", "b"], [1, 0]), {}, TypeError, r"player_a\[1\] must be a string"),
        ((["a", "b"], ["b", "b"], [1, 0]), {}, ValueError, "'b' plays against itself in row 1"),
        ((["a"], ["b"], [2]), {}, ValueError, r"outcomes\[0\] = 2: give 1"),
        ((["a"], ["b"], ["a"]), {}, ValueError, r"outcomes\[0\] = 'a'"),
        ((["a"], ["b"], [1]), {"method": "trueskill"}, ValueError, "'bradley_terry', 'elo'"),
        ((["a"], ["b"], [1]), {"interval": Interval(method="bca")}, ValueError, "not bca"),
        ((["a"], ["b"], [1]), {"clusters": [None]}, ValueError, r"clusters\[0\] is missing"),
    ],
)
def test_a_users_mistake_is_named(
    matches: tuple[object, ...], options: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ratings(*matches, **options)  # type: ignore[arg-type]
