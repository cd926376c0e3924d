"""SummaryState on a device: the host's sums, without a wait. CPU tensors stand for a GPU's."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from dataclasses import replace
from math import inf, nan
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from pyscore import Comparison, SummaryState, compare_answers, summarize
from pyscore.metrics import summary_state
from pyscore.metrics.core import moments
from pyscore.metrics.core.moments import DeviceSums
from tests.metrics.cases import columns_of, compare_pairs, comparisons, near_edges, of_preferences, random_pairs, take
from tests.metrics.test_summary_state import numbers
from tests.waits import NoHostWaits

CPU = torch.device("cpu")


def tensors(comparison: Comparison, dtype: torch.dtype = torch.float64) -> Comparison:
    """The comparison as a GPU's kernel gives it."""
    fields = {name: torch.as_tensor(column) for name, column in columns_of(comparison).items()}
    typed: dict[str, Any] = {name: f.to(dtype) if f.is_floating_point() else f for name, f in fields.items()}
    return replace(comparison, **typed)


@pytest.fixture(autouse=True)
def tensors_are_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def device_of(comparison: Comparison) -> torch.device | None:
        return comparison.probability.device if isinstance(comparison.probability, Tensor) else None

    monkeypatch.setattr(summary_state, "device_of", device_of)


def on_device(*parts: Comparison) -> SummaryState:
    found = SummaryState()
    for part in parts:
        found.update(tensors(part))
    return found


def same(found: SummaryState, expected: SummaryState, tolerance: float = 1e-9) -> None:
    close = pytest.approx(numbers(expected.summarize()), rel=tolerance, abs=tolerance, nan_ok=True)
    assert numbers(found.summarize()) == close
    assert found.summarize().signature == expected.summarize().signature


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(comparison=comparisons, size=st.integers(1, 20))
def test_many_small_updates_are_those_of_the_host(comparison: Comparison, size: int) -> None:
    parts = [take(comparison, rows) for rows in np.array_split(np.arange(len(comparison)), -(-len(comparison) // size))]
    same(on_device(*parts), SummaryState().update(comparison))


@pytest.mark.parametrize("n", [1, 999, 1000, 1001, 2500])
def test_a_large_update_is_added_in_pieces(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moments, "_QUESTIONS_AT_ONCE", 1000)
    comparison = random_pairs(n, n)
    same(on_device(comparison), SummaryState().update(comparison))


def test_float32_is_widened_before_it_is_summed() -> None:
    narrow = tensors(random_pairs(3, 1000), torch.float32)
    host = replace(narrow, **{name: column.numpy() for name, column in columns_of(narrow).items()})
    same(SummaryState().update(narrow), SummaryState().update(host))


def test_the_spread_is_not_lost_far_from_zero() -> None:
    comparison = compare_pairs(-np.ones(400), -1e8 + np.random.default_rng(0).normal(size=400))
    found = on_device(*(take(comparison, np.arange(i, i + 8)) for i in range(0, 400, 8)))
    assert found.summarize().mean_log_odds.stderr == pytest.approx(summarize(comparison).mean_log_odds.stderr, rel=1e-8)


def test_infinite_log_odds_and_ties_are_counted() -> None:
    parts = [compare_pairs([-1.0, -inf, -2.0], [-inf, -1.0, -2.0]), of_preferences([1, 0.5, 0])]
    expected = SummaryState().update(parts[0]).update(parts[1])
    same(on_device(*parts), expected)
    assert on_device(*parts).summarize().mean_log_odds.reason == expected.summarize().mean_log_odds.reason


@pytest.mark.parametrize("probability", [0.0, 0.4, 0.5, 0.6, 7 / 15, 8 / 15, 9 / 15, 14 / 15, 1.0])
def test_bins_are_closed_on_the_right_at_every_edge(probability: float) -> None:
    p = np.full(3, probability)
    with np.errstate(divide="ignore"):
        comparison = compare_pairs(np.log(p), np.log1p(-p))
    comparison = replace(comparison, probability=p)
    same(on_device(comparison), SummaryState().update(comparison))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_each_edge_and_its_neighbours_are_in_the_bin_of_the_definition(dtype: torch.dtype) -> None:
    for p in near_edges(np.float32 if dtype == torch.float32 else np.float64):
        comparison = replace(compare_pairs([-1.0], [-1.0]), probability=np.array([p]))
        found = SummaryState().update(tensors(comparison, dtype))
        same(found, SummaryState().update(comparison), 1e-6)


@pytest.mark.parametrize("field", ["probability", "prefers", "probability_raw", "log_odds", "coverage"])
@pytest.mark.parametrize("value", [nan, -0.5, inf, 1.5])
def test_an_invalid_value_raises_with_its_row_when_the_state_is_read(field: str, value: float) -> None:
    first, second = random_pairs(0, 10), random_pairs(1, 10)
    column = getattr(second, field).copy()
    column[7] = value
    broken = replace(second, **{field: column})
    found = on_device(first, broken, first)
    try:
        SummaryState().update(broken)
    except ValueError as error:
        why = str(error).split(" = ")[1].split(" (")[0]
    else:
        found.summarize()
        return
    row = f"comparison.{field}[17] = {why} (rows are counted over all updates on cpu; 1 of 30 are invalid)"
    reads: list[Callable[[], Any]] = [
        found.summarize,
        lambda: found.merge(SummaryState()),
        lambda: SummaryState().merge(found),
        lambda: pickle.dumps(found),
    ]
    for read in reads:
        with pytest.raises(ValueError, match=re.escape(row)):
            read()


def test_the_first_invalid_question_stays_the_one_that_is_named() -> None:
    fields = tensors(random_pairs(0, 6))
    late = replace(fields, coverage=torch.tensor([1, 1, 1, -1, 1, 1.0]), prefers=torch.tensor([1, 1, 1, 1, 2, nan]))
    found = SummaryState().update(fields).update(late).update(replace(fields, probability=torch.full((6,), nan)))
    with pytest.raises(ValueError, match=r"coverage\[9\] = -1.0 is no probability mass .* 9 of 18 are invalid"):
        found.summarize()
    with pytest.raises(ValueError, match=r"tie\[0\] = 0.5 is neither true nor false"):
        SummaryState().update(replace(fields, tie=torch.full((6,), 0.5))).summarize()


def test_shapes_are_checked_at_once() -> None:
    fields = tensors(random_pairs(0, 6))
    for broken, message in (
        (tensors(take(random_pairs(0, 6), [])), "comparison is empty"),
        (replace(fields, tie=fields.tie[:4]), "differ in length"),
        (replace(fields, coverage=fields.coverage[:, None]), "coverage must have one dimension"),
    ):
        with pytest.raises(ValueError, match=message):
            SummaryState().update(broken)


def test_an_empty_state_has_no_summary() -> None:
    found = SummaryState()
    found._devices[CPU] = DeviceSums.on(CPU)
    with pytest.raises(ValueError, match="the state is empty"):
        found.summarize()
    same(found.update(tensors(random_pairs(0, 9))), SummaryState().update(random_pairs(0, 9)))


def test_states_of_device_and_host_merge() -> None:
    parts = [random_pairs(seed, 20 + seed) for seed in range(4)]
    expected = SummaryState()
    for part in parts:
        expected.update(part)
    mixed = on_device(parts[0]).update(parts[1])
    same(mixed.merge(on_device(parts[2], parts[3])), expected)
    same(SummaryState().update(parts[2]).update(parts[3]).merge(mixed), expected)
    same(mixed.update(tensors(parts[2])).update(parts[3]), expected)  # merging left it as it was


def test_a_copied_or_pickled_state_is_on_the_host_and_goes_on() -> None:
    first, second = random_pairs(1, 20), random_pairs(2, 30)
    found = on_device(first)
    for copied in (pickle.loads(pickle.dumps(found)), copy.copy(found), copy.deepcopy(found)):
        assert not copied._devices
        same(copied.update(second), SummaryState().update(first).update(second))
    same(found, SummaryState().update(first))


def test_clusters_are_read_and_given_always_or_never() -> None:
    comparison = random_pairs(0, 20)
    keys = ["a", "b"] * 10
    clustered = SummaryState().update(tensors(comparison), clusters=keys)
    same(clustered, SummaryState().update(comparison, clusters=keys))
    with pytest.raises(ValueError, match="always or never"):
        clustered.update(tensors(comparison))
    with pytest.raises(ValueError, match="always or never"):
        on_device(comparison).update(tensors(comparison), clusters=keys)
    with pytest.raises(ValueError, match="always or never"):
        clustered.merge(on_device(comparison))


def test_updating_never_waits() -> None:
    comparison = tensors(random_pairs(0, 50))
    unreadable = Comparison(**{name: column.to("meta") for name, column in columns_of(comparison).items()})
    found = SummaryState().update(comparison)
    with NoHostWaits():
        found.update(comparison)
        SummaryState().update(comparison)
        SummaryState().update(unreadable)
    assert found.summarize().n_questions == 100


def test_recorded_updates_add_at_every_replay() -> None:
    # a CUDA graph records which ops wrote to which tensors; so does make_fx
    parts = [random_pairs(seed, 15) for seed in range(3)]
    sums = DeviceSums.on(CPU)

    def update(state: Tensor, *fields: Any) -> Tensor:
        DeviceSums(state).update(Comparison(*fields))
        return state

    held = sums._state
    graph = make_fx(update)(torch.zeros_like(held), *columns_of(tensors(parts[0])).values())
    for part in parts:
        graph(held, *columns_of(tensors(part)).values())
    assert sums._state is held
    found, expected = SummaryState(), SummaryState()
    found._devices[CPU] = sums
    for part in parts:
        expected.update(replace(part, ties=None))
    same(found, expected)


def test_updates_in_and_out_of_inference_mode_go_together() -> None:
    with torch.inference_mode():
        found = on_device(random_pairs(0, 10))
    same(found.update(tensors(random_pairs(1, 10))), on_device(random_pairs(0, 10), random_pairs(1, 10)))
    with torch.inference_mode():
        found.update(tensors(random_pairs(2, 10)))
    assert found.summarize().n_questions == 30


def test_a_capture_needs_sums_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary_state, "capturing", lambda device: True)
    with pytest.raises(RuntimeError, match="no sums on cpu, and a CUDA graph can't make them: use device="):
        on_device(random_pairs(0, 10))


def test_only_tensors_of_one_gpu_are_summed_there() -> None:
    comparison = tensors(random_pairs(0, 10))
    assert moments.device_of(comparison) is None
    assert moments.device_of(random_pairs(0, 10)) is None


def test_chance_and_the_policy_of_ties_are_kept_beside_the_sums() -> None:
    compared = compare_answers(torch.full((6,), -1.0), torch.tensor([0, 2, 6]), torch.arange(6) % 4 == 0, ties="share")
    found = SummaryState()
    with NoHostWaits():
        found.update(compared).update(compared)
    assert (
        found.summarize().chance == pytest.approx(np.mean([1 / 2, 1 / 4]))
        and "ties:share" in found.summarize().signature
    )
    with pytest.raises(ValueError, match="ties counted as 'half' and as 'share'"):
        found.update(replace(compared, ties="half"))
