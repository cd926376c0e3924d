"""What tuning does without a GPU: candidates, what can't fit, scores, and rows of kernels/configs.json."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import torch

from pyscore.kernels.configs import LinearConfig, ReadyConfig, Tile

__all__ = [
    "KEY", "MOVES", "STAGES", "Limits", "changes", "choose", "fits", "linear_row", "merge_row", "neighbours",
    "ready_candidates", "ready_row", "scores",
]  # fmt: skip

C = TypeVar("C", bound=Hashable)

KEY = ("kernel", "architecture", "itemsize", "depth", "vocab", "descriptors")
"""Fields that name a row of the table; a missing one stands for any."""
MARGIN = 0.01
"""A candidate replaces the present config if its score is better by so much: less is noise."""
_ACCUMULATORS = 128
"""32-bit accumulators a thread: of its 255 registers the epilogue needs the others."""
_WIDTH = 120


class Limits(NamedTuple):
    """What a program of the device may take."""

    shared: int
    """Bytes of shared memory."""
    multiprocessors: int
    descriptors: bool
    """Whether there is a tensor memory accelerator."""

    @classmethod
    def of(cls, device: torch.device) -> Limits:
        """The limits of a CUDA device; generous ones for Triton's interpreter."""
        if device.type != "cuda":
            return cls(shared=1 << 20, multiprocessors=4, descriptors=True)
        from triton.runtime import driver

        facts = torch.cuda.get_device_properties(device)
        shared = driver.active.utils.get_device_properties(device.index or 0)["max_shared_mem"]
        return cls(shared, facts.multi_processor_count, facts.major >= 9)


def _tile_fits(config: LinearConfig, tile: Tile, limits: Limits, itemsize: int) -> bool:
    shared = tile.num_stages * (tile.block_n + config.block_v) * config.block_d * itemsize
    accumulators = tile.block_n * config.block_v // (32 * tile.num_warps)
    return shared <= limits.shared and accumulators <= _ACCUMULATORS


def fits(config: LinearConfig, limits: Limits, itemsize: int) -> bool:
    """Whether the tiles may fit in shared memory and registers; the compiler has the last word."""
    return (
        config.block_v % config.slices == 0
        and 16 <= config.block_v // config.slices <= 128  # above 255 the counts of a slice would not fit in a byte
        and config.few.block_n <= config.many.block_n
        and (limits.descriptors or not config.descriptors)
        and all(_tile_fits(config, tile, limits, itemsize) for tile in (config.few, config.many))
    )


def _tiles(tile: Tile, rows: Iterable[int]) -> Iterator[Tile]:
    for block_n in rows:
        for num_warps in (4, 8):
            yield Tile(block_n, num_warps, tile.num_stages)


def _blocks(config: LinearConfig, limits: Limits) -> Iterator[LinearConfig]:
    for block_v in (64, 128, 256):
        for block_d in (32, 64, 128):
            yield config._replace(block_v=block_v, block_d=block_d, slices=min(config.slices, block_v // 32))


def _many(config: LinearConfig, limits: Limits) -> Iterator[LinearConfig]:
    for tile in _tiles(config.many, (64, 128, 256)):
        yield config._replace(many=tile)


def _few(config: LinearConfig, limits: Limits) -> Iterator[LinearConfig]:
    for tile in _tiles(config.few, (16, 32, 64)):
        yield config._replace(few=tile)


def _stages(config: LinearConfig, limits: Limits) -> Iterator[LinearConfig]:
    for step in (-1, 1, 2):
        few, many = (tile._replace(num_stages=max(tile.num_stages + step, 1)) for tile in (config.few, config.many))
        yield config._replace(many=many)
        yield config._replace(few=few)


def _pieces(config: LinearConfig, limits: Limits) -> Iterator[LinearConfig]:
    for waves in (1, 2, 3, 4):
        yield config._replace(pieces=waves * limits.multiprocessors)


def _slices(config: LinearConfig, limits: Limits) -> Iterator[LinearConfig]:
    for slices in (1, 2, 4, 8):
        yield config._replace(slices=slices)


def _resident(config: LinearConfig, limits: Limits) -> Iterator[LinearConfig]:
    for resident in (1, 2, 3):
        yield config._replace(resident=resident)


def _groups(config: LinearConfig, limits: Limits) -> Iterator[LinearConfig]:
    for group_n in (4, 8, 16, 32):
        yield config._replace(group_n=group_n)


def _descriptors(config: LinearConfig, limits: Limits) -> Iterator[LinearConfig]:
    yield config._replace(descriptors=not config.descriptors)


MOVES: dict[str, Callable[[LinearConfig, Limits], Iterator[LinearConfig]]] = {
    "stages": _stages,
    "few": _few,
    "pieces": _pieces,
    "resident": _resident,
    "slices": _slices,
    "many": _many,
    "blocks": _blocks,
    "groups": _groups,
    "descriptors": _descriptors,
}
"""Each changes one thing about a config; what compiles nothing anew or promises most comes first."""
STAGES = tuple(name for name in MOVES if name != "descriptors")
"""Of the search: a row's descriptors say which weights it serves, so they are not the search's to change."""


def _others(config: LinearConfig, found: Iterable[LinearConfig], limits: Limits, itemsize: int) -> list[LinearConfig]:
    return [other for other in dict.fromkeys(found) if other != config and fits(other, limits, itemsize)]


def neighbours(
    config: LinearConfig, limits: Limits, itemsize: int, stages: Iterable[str] = tuple(MOVES)
) -> list[LinearConfig]:
    """Configs one change away that may fit, in the order of the stages."""
    found = (other for stage in stages for other in MOVES[stage](config, limits))
    return _others(config, found, limits, itemsize)


def changes(config: LinearConfig | ReadyConfig, since: LinearConfig | ReadyConfig) -> str:
    """The fields of a config that differ from another's, in short."""
    found = (
        f"{name}={'x'.join(map(str, value)) if isinstance(value, tuple) else value}"
        for name, value in config._asdict().items()
        if value != getattr(since, name)
    )
    return " ".join(found) or "as before"


def ready_candidates() -> list[ReadyConfig]:
    """Every config for ready logits worth a try: a lane for each thread of an NVIDIA GPU, 16 to 256 bytes a lane."""
    return [ReadyConfig(32 * warps, vectors, warps) for warps in (2, 4, 8, 16) for vectors in (1, 2, 4, 8, 16)]


def scores(times: Mapping[C, Mapping[int, float]]) -> dict[C, float]:
    """Geometric mean over N of a candidate's time over the best candidate's at that N: 1 is best at every N."""
    if not times:
        return {}
    best = {n: min(found[n] for found in times.values()) for n in next(iter(times.values()))}
    return {
        candidate: math.exp(sum(math.log(found[n] / best[n]) for n in best) / len(best))
        for candidate, found in times.items()
    }


def choose(times: Mapping[C, Mapping[int, float]], present: C) -> C:
    """The candidate with the best score; the present one unless another beats it by more than the noise."""
    found = scores(times)
    fastest = min(found, key=lambda candidate: found[candidate], default=present)
    return present if present in found and found[present] <= found[fastest] * (1 + MARGIN) else fastest


def linear_row(config: LinearConfig, architecture: str, itemsize: int, depth: int, vocab: int) -> dict[str, Any]:
    """The table's row of a config."""
    sizes = {"itemsize": itemsize, "depth": depth, "vocab": vocab}
    fields = {name: list(value) if isinstance(value, Tile) else value for name, value in config._asdict().items()}
    return {"kernel": "linear", "architecture": architecture, **sizes, **fields}


def ready_row(config: ReadyConfig, architecture: str, itemsize: int, vocab: int) -> dict[str, Any]:
    """The table's row of a config for ready logits."""
    return {"kernel": "ready", "architecture": architecture, "itemsize": itemsize, "vocab": vocab, **config._asdict()}


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in KEY)


def _spans(text: str) -> Iterator[tuple[dict[str, Any], int, int]]:
    """Every row of the table's text, with where it begins and ends."""
    decoder, at = json.JSONDecoder(), text.index("[") + 1
    while (start := text.find("{", at)) >= 0:
        row, at = decoder.raw_decode(text, start)
        yield row, start, at


def _row_text(row: Mapping[str, Any]) -> str:
    """A row on as few lines as fit, broken between fields."""
    lines, line = [], ""
    for item in (f"{json.dumps(name)}: {json.dumps(value)}" for name, value in row.items()):
        if line and len(line) + len(item) + 6 > _WIDTH:
            lines.append(line + ",")
            line = ""
        line = f"{line}, {item}" if line else item
    return "{" + "\n   ".join([*lines, line]) + "}"


def merge_row(text: str, row: Mapping[str, Any]) -> str:
    """The table's text with a row in the place of the one of the same key, else behind the last of its kernel.

    Every other character stays as it is.
    """
    spans = list(_spans(text))
    for other, start, end in spans:
        if _key(other) == _key(row):
            return text[:start] + _row_text(row) + text[end:]
    alike = [end for other, _, end in spans if other["kernel"] == row["kernel"]] or [end for _, _, end in spans]
    if not alike:
        return "[\n  " + _row_text(row) + "\n]\n"
    return f"{text[: alike[-1]]},\n  {_row_text(row)}{text[alike[-1] :]}"
