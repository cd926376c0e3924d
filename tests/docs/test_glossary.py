"""The glossary's names exist, its picture shows the sizes that the code has, and words that it replaced are gone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from tests.docs.pages import DOCS, sources
from tests.paths import ROOT

GLOSSARY = (DOCS / "glossary.md").read_text()


def named() -> list[str]:
    """What the glossary's prose has in backticks, once each."""
    prose = re.sub(r"^```.*?^```$", "", GLOSSARY, flags=re.MULTILINE | re.DOTALL)
    return sorted(set(re.findall(r"`([^`]+)`", prose)))


@pytest.mark.parametrize("name", named())
def test_what_the_glossary_names_exists(name: str) -> None:
    if "/" in name:
        assert (ROOT / name).exists()
    elif Path(name).suffix:
        assert any(path.endswith(f"/{name}") for path in sources())
    elif re.fullmatch("[A-Z][a-z]+[A-Za-z]*", name):
        defined = re.compile(rf"^(?:class|struct) {name}\b", re.MULTILINE)
        assert any(defined.search(text) for text in sources().values())
    else:
        word = re.compile(rf"\b{re.escape(name)}\b")
        assert any(word.search(text) for text in sources().values())


def picture() -> str:
    (block,) = re.findall(r"^```\n(.*?)^```$", GLOSSARY, re.MULTILINE | re.DOTALL)
    return str(block)


def constant(name: str) -> int:
    (value,) = re.findall(rf"\b{name} = (\d+);", "\n".join(sources().values()))
    return int(value)


V, D = 128_256, 4_096


def divide_up(n: int, by: int) -> int:
    return (n + by - 1) // by


def test_the_picture_shows_the_pieces_and_tiles_of_the_cpu() -> None:
    wanted = min(divide_up(V, constant("kPiece")), constant("kMaxPieces"))
    piece, tile, ready = divide_up(V, 64 * wanted) * 64, constant("kLinearTile"), constant("kReadyTile")
    assert f"| {piece:,} | {piece:,} |  ...  {divide_up(V, piece)} pieces" in picture()
    assert f"|{tile}|{tile}|  ...  {divide_up(piece, tile)} tiles a piece" in picture()
    assert f"tiles of {ready:,} logits, each a piece of its own ({divide_up(V, ready)} of" in " ".join(GLOSSARY.split())


def test_the_picture_shows_the_pieces_and_tiles_of_a_gpu() -> None:
    pytest.importorskip("triton")
    from pyscore.kernels.configs import linear_config, ready_config

    config = linear_config("sm_90", torch.bfloat16, D, V)
    tiles = divide_up(V, config.block_v)
    piece_tiles = divide_up(tiles, config.pieces)
    assert f"| {piece_tiles * config.block_v:,} |" in picture()
    assert f"...  {divide_up(tiles, piece_tiles)} pieces       |" in picture()
    assert f"|{config.block_v}" * piece_tiles + f"|  {piece_tiles} tiles a piece" in picture()
    assert f"{config.block_d} of D at a time" in picture()
    pieces = []
    for dtype in (torch.bfloat16, torch.float32):
        ready = ready_config("sm_90", dtype, V)
        pieces.append(ready.lanes * ready.vectors * 16 // dtype.itemsize)
    sizes, numbers = (f"{pieces[0]:,}", f"{pieces[1]:,}"), [divide_up(V, piece) for piece in pieces]
    said = (
        f"{sizes[0]} logits in bfloat16 and {sizes[1]} in float32, one program each ({numbers[0]} and {numbers[1]} of"
    )
    assert said in " ".join(GLOSSARY.split())


RETIRED_FILES = [
    *(f"pyscore/store/{name}.py" for name in ("answers", "comparison", "summaries")),  # pyscore/results
    *(f"pyscore/metrics/{name}.py" for name in ("answer_lists", "answers", "arrays", "pooled", "stable", "values")),
    *(f"pyscore/engine/{name}.py" for name in ("attention", "blocks", "model", "plan")),  # sources/huggingface, chunks
    *(f"csrc/kernels/answers.{kind}" for kind in ("cpp", "hpp")),
    *(f"benchmarks/{name}.py" for name in ("coverage", "kernels_report", "scale", "tune")),  # tools
    *(f"pyscore/ops/{name}.py" for name in ("answers", "rows", "values")),  # compare, read_request, value_checks
    "kernels/answers.py",
    "kernels/__init__.py",
]

RETIRED_WORDS: dict[str, set[str]] = {
    "ATTENTIONS": set(),
    "CompareOptions": set(),
    "PARTS": set(),
    "PartSums": set(),
    "ScoreOptions": set(),
    "brier_parts": set(),
    "kBlocksOfAChunk": set(),
    "n_chunks": set(),
    "offsets_of_rows": set(),
    "window_questions": {"pyscore/store/renamed.py"},
}
"""Words that the glossary's replaced, each with the files that hold it still, because they read older runs."""


@pytest.mark.parametrize("name", RETIRED_FILES)
def test_files_under_their_old_names_are_gone(name: str) -> None:
    assert not (ROOT / name).exists()


@pytest.mark.parametrize("word", RETIRED_WORDS)
def test_retired_words_are_gone_from_the_sources(word: str) -> None:
    pattern = re.compile(rf"\b{word}\b")
    assert {path for path, text in sources().items() if pattern.search(text)} <= RETIRED_WORDS[word]
