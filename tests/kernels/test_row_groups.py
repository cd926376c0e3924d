"""Lists of the largest entries take little memory: rows run in groups, and no result shows which."""

from __future__ import annotations

import pytest
import torch

from pyscore.kernels import row_groups as groups
from pyscore.kernels.configs import linear_config, ready_config
from pyscore.kernels.linear_logprobs import _list_size, _pieces
from pyscore.kernels.logprobs import _LIST_SIZE
from pyscore.kernels.logprobs import _pieces as ready_pieces
from pyscore.kernels.merge import scratch_of_a_row
from tests.kernels.cases import EVERYTHING, linear, random, random_targets, ready, same_bits

N, VOCAB = 1024, 128_256


def most_scratch(pieces: int, list_size: int) -> int:
    """Bytes of the scratch of the largest group."""
    scratch = scratch_of_a_row(pieces, True, list_size)
    return max(rows.stop - rows.start for rows in groups.row_groups(N, VOCAB, scratch)) * scratch


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90", "sm_100", "gfx942"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_scratch_of_long_lists_stays_under_a_hundredth_of_the_logits(architecture: str, dtype: torch.dtype) -> None:
    hundredth = N * VOCAB * 4 // 100
    _, pieces = _pieces(VOCAB, linear_config(architecture, dtype, 4096, VOCAB, True))
    assert most_scratch(pieces, _list_size(1000)) <= max(hundredth, groups.SMALLEST)
    logits = torch.empty(1, VOCAB, dtype=dtype, device="meta")
    _, _, pieces = ready_pieces(logits, ready_config(architecture, dtype, VOCAB))
    assert most_scratch(pieces, _LIST_SIZE) <= max(hundredth, groups.SMALLEST)


def test_every_row_is_in_one_group() -> None:
    for rows in (0, 1, 127, 128, 129, 1000):
        found = [row for group in groups.row_groups(rows, 64, 10**6) for row in range(group.start, group.stop)]
        assert found == list(range(rows))


@pytest.mark.parametrize("rows", [5, 7])
def test_bits_do_not_depend_on_the_group(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    hidden, weight, candidates = random(rows, 16), random(90, 16), random_targets(rows, 90)
    temperature = torch.linspace(0.5, 2, rows, device=hidden.device)
    options = EVERYTHING | {"top_k": 20}

    def scores() -> list[torch.Tensor]:
        fused = linear(hidden, weight, candidates, temperature=temperature, **options)
        return [*fused, *ready(hidden @ weight.T, candidates, temperature, **options)]

    whole = scores()
    monkeypatch.setattr(groups, "SMALLEST", 0)
    monkeypatch.setattr(groups, "ALIGNED", 2)
    assert len(list(groups.row_groups(rows, 90, scratch_of_a_row(1, True, 16)))) > 1
    for one, other in zip(whole, scores(), strict=True):
        assert same_bits(one, other)
