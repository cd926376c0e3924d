"""The table of tile parameters."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from pyscore.kernels import configs
from pyscore.kernels.configs import LinearConfig, Tile, architecture, linear_config, ready_config, table

ARCHITECTURES = ("interpreter", "nvidia", "sm_80", "sm_90", "sm_100", "gfx942", "of next year")
every_dtype = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("describable", [True, False])
@every_dtype
def test_every_device_has_tile_parameters(name: str, dtype: torch.dtype, describable: bool) -> None:
    assert ready_config(name, dtype, 128256).vectors > 0
    config = linear_config(name, dtype, 4096, 128256, describable)
    assert config.block_v % config.slices == 0
    assert config.block_v // config.slices <= 255  # counts of a slice are bytes
    assert config.few.block_n <= config.many.block_n
    assert describable or not config.descriptors


@every_dtype
def test_an_unknown_device_gets_the_safe_rows(dtype: torch.dtype) -> None:
    assert linear_config("of next year", dtype, 4096, 128256) == linear_config("nvidia", dtype, 4096, 128256)


def test_both_tiles_share_what_the_bits_follow_from() -> None:
    per_tile = {field for field, kind in LinearConfig.__annotations__.items() if "Tile" in str(kind)}
    assert per_tile == {"few", "many", "target"}
    assert Tile._fields == ("block_n", "num_warps", "num_stages")


def test_a_row_tuned_for_a_size_serves_sizes_near_it(monkeypatch: pytest.MonkeyPatch) -> None:
    any_size = next(row for row in table() if row["kernel"] == "linear" and row["architecture"] == "sm_90")
    tuned = [{**any_size, "depth": depth, "vocab": 128256, "pieces": depth} for depth in (1024, 4096)]
    monkeypatch.setattr(configs, "table", lambda: [*table(), *tuned])
    linear_config.cache_clear()
    assert linear_config("sm_90", torch.bfloat16, 4096, 128256).pieces == 4096
    assert linear_config("sm_90", torch.bfloat16, 1500, 50000).pieces == 1024
    assert linear_config("sm_80", torch.bfloat16, 4096, 128256).pieces == 108
    linear_config.cache_clear()


@dataclass
class _Capability:
    version: tuple[int, int]

    def __call__(self, device: torch.device) -> tuple[int, int]:
        return self.version


@pytest.mark.parametrize(
    ("version", "name"),
    [((8, 0), "sm_80"), ((8, 6), "nvidia"), ((8, 9), "nvidia"), ((9, 0), "sm_90"), ((10, 3), "sm_100"),
     ((12, 0), "nvidia"), ((13, 0), "nvidia")],
)  # fmt: skip
def test_devices_by_compute_capability(monkeypatch: pytest.MonkeyPatch, version: tuple[int, int], name: str) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", _Capability(version))
    monkeypatch.setattr(torch.version, "hip", None)
    assert architecture(torch.device("cuda", 0)) == name
