"""A checkpoint's stamp changes with whatever loading it depends on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest

from pyscore.sweep import HuggingFaceLoader, Model
from pyscore.sweep.models import loader_of


def stamp(path: str, revision: str | None = None, **options: Any) -> str | None:
    return HuggingFaceLoader().stamp(Model("m", path, revision=revision, options=options))


def folder(path: Path, text: str) -> str:
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text(text)
    return str(path)


def test_a_changed_file_of_the_model_or_of_its_adapter_changes_the_stamp(tmp_path: Path) -> None:
    model, adapter = folder(tmp_path / "m", "{}"), folder(tmp_path / "a", "{}")
    before = [stamp(model), stamp(model, adapter=adapter)]
    assert before == [stamp(model), stamp(model, adapter=adapter)]
    folder(tmp_path / "a", "{ }")
    assert [stamp(model) == before[0], stamp(model, adapter=adapter) == before[1]] == [True, False]
    folder(tmp_path / "m", "{  }")
    assert stamp(model) != before[0]


def test_a_link_that_leads_nowhere_is_left_to_loading(tmp_path: Path) -> None:
    (Path(folder(tmp_path / "m", "{}")) / "model.safetensors").symlink_to("gone")
    assert stamp(str(tmp_path / "m"))


def test_a_hubs_own_commit_counts_where_it_can_be_reached_and_else_that_of_the_cache(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub: dict[Any, str] = {"step1": "a" * 40}
    cache = {"step1": "b" * 40, "step2": "c" * 40}

    def info(self: Any, path: str, *, revision: str | None, timeout: float) -> Any:
        if revision not in hub:
            raise OSError("no connection")
        return SimpleNamespace(sha=hub[revision])

    def cached(path: str, name: str, *, revision: str | None) -> str | None:
        return f"/cache/{cache[revision]}/{name}" if revision in cache else None

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", info)
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", cached)
    assert stamp("owner/m", "step1") == f"commit {'a' * 40}"
    assert stamp("owner/m", "step2") == f"commit {'c' * 40}"
    assert stamp("owner/m", "step3") is None
    assert stamp("owner/m", "d" * 40) == f"commit {'d' * 40}"
    assert stamp("owner/m", "step2", adapter="owner/a") is None


def test_nothing_is_known_of_what_is_neither_here_nor_on_a_hub() -> None:
    assert stamp("s3://bucket/model") is None
    assert stamp("some/place/far") is None


def test_a_loader_may_lie_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("from tests.sweep.fake_models import FileLoader as Mine\nbroken = 1\n")
    assert type(loader_of(f"{tmp_path / 'mine.py'}:Mine")).__name__ == "FileLoader"
    for name, why in (("mine.py:broken", "is no pyscore.sweep.models.Loader"), ("none.py:Mine", "can't be imported")):
        with pytest.raises(ValueError, match=why):
            loader_of(f"{tmp_path / name}")
