"""hf: addresses, through the package datasets, without a network: by a folder's files, and by what it is asked."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyscore.tasks import load_questions
from pyscore.tasks.reading import places_of
from tests.tasks.reading.rows import ROWS, jsonl, values, write

datasets: Any = pytest.importorskip("datasets")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    write(tmp_path, "set/train.jsonl", jsonl(ROWS))
    write(tmp_path, "set/test.jsonl", jsonl(ROWS[:1]))
    return tmp_path / "set"


class Hub:
    """What the hub has: names, each with configurations and their splits; it notes what is asked of it."""

    def __init__(self, **has: dict[str, list[str]]) -> None:
        self.has = {name.replace("__", "/"): configs for name, configs in has.items()}
        self.asked: list[tuple[Any, ...]] = []

    def load(self, path: str, name: str | None = None, split: str | None = None, streaming: bool = False) -> Any:
        assert streaming
        self.asked.append((path, name, split))
        if path not in self.has:
            raise datasets.exceptions.DatasetNotFoundError(f"Dataset '{path}' doesn't exist on the Hub")
        if name is None and len(self.has[path]) > 1:
            raise ValueError(f"Config name is missing.\nPlease pick one among: {list(self.has[path])}")
        splits = self.has[path][name] if name is not None else next(iter(self.has[path].values()))
        if split is not None and split not in splits:
            raise ValueError(f"Bad split: {split}. Available splits: {splits}")
        found = {one: datasets.Dataset.from_list([{"split": one}]).to_iterable_dataset() for one in splits}
        return datasets.IterableDatasetDict(found) if split is None else found[split]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    found = Hub(
        squad={"plain": ["train", "validation"]},
        cais__mmlu={"astronomy": ["test", "dev"], "virology": ["test"]},
        glue={"sst2": ["train"], "cola": ["train"]},
        owner__only={"default": ["train"]},
    )
    monkeypatch.setattr(datasets, "load_dataset", found.load)
    return found


@pytest.mark.parametrize(
    ("address", "asked", "stem"),
    [
        ("hf:squad:validation", [("squad", None, "validation")], "squad-validation"),
        ("hf:cais/mmlu/astronomy:test", [("cais/mmlu", "astronomy", "test")], "mmlu-astronomy-test"),
        ("hf:glue/sst2:train", [("glue/sst2", None, "train"), ("glue", "sst2", "train")], "glue-sst2-train"),
        ("hf:owner/only:train", [("owner/only", None, "train")], "only-train"),
        ("hf:owner/only", [("owner/only", None, None)], "only-train"),
        ("hf:cais/mmlu/virology", [("cais/mmlu", "virology", None)], "mmlu-virology-test"),
    ],
)
def test_an_address_is_read_as_owner_name_configuration_and_split(
    hub: Hub, address: str, asked: list[Any], stem: str
) -> None:
    (place,) = places_of(address)
    assert (place.name, place.stem, hub.asked) == (address, stem, asked)
    with place.records() as found:
        assert [record.values["split"] for record in found] == [stem.rpartition("-")[2]]


@pytest.mark.parametrize(
    ("address", "kind", "message"),
    [
        ("hf:squad", ValueError, "^hf:squad: choose a split, hf:squad:NAME; it has train, validation$"),
        ("hf:squad:tset", ValueError, r"^hf:squad:tset can't be loaded: Bad split: tset\. Available splits: .*'train'"),
        ("hf:cais/mmlu:test", ValueError, "can't be loaded: Config name is missing. Please pick one .*'astronomy'"),
        ("hf:nobody", FileNotFoundError, r"^hf:nobody: no such data set, 'nobody' \("),
        ("hf:no/body", FileNotFoundError, "no such data set, 'no/body' or 'no' with the configuration 'body'"),
        ("hf:a/b/c/d", ValueError, "write it as hf:owner/name, hf:owner/name:split or hf:owner/name/config:split"),
        ("hf:", ValueError, "write it as"),
        ("hf:a//b", ValueError, "write it as"),
    ],
)
def test_a_data_set_that_is_not_had_is_told_in_one_line(
    hub: Hub, address: str, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message) as error:
        places_of(address)
    assert "\n" not in str(error.value)


def test_a_local_data_set_is_streamed_by_its_split(folder: Path) -> None:
    assert values(f"hf:{folder}:train") == ROWS
    assert values(f"hf:{folder}:test") == ROWS[:1]
    (place,) = places_of(f"hf:{folder}:test")
    assert place.stem == "set-test"
    with pytest.raises(ValueError, match=r"choose a split, .*it has train, test"):
        places_of(f"hf:{folder}")
    with pytest.raises(ValueError, match=r"can't be loaded: .*vali.*") as error:
        places_of(f"hf:{folder}:vali")
    assert "\n" not in str(error.value)
    with pytest.raises(FileNotFoundError, match="no such data set"):
        places_of(f"hf:{folder}/none:train")


def test_questions_of_the_hub_have_ids_of_its_name(folder: Path) -> None:
    for split in ("train", "test"):
        write(folder, f"{split}.jsonl", jsonl([row | {"answer_not_matching_behavior": "x"} for row in ROWS]))
    found = load_questions(f"hf:{folder}:test", limit=2)
    assert [question.id for question in found] == ["set-test:0", "set-test:1"]


def test_a_stream_that_fails_is_told_in_one_line(folder: Path) -> None:
    write(folder, "test.jsonl", jsonl([{"other": 1}]))
    with pytest.raises(ValueError, match=r":test can't be read on after 0 rows: Couldn't cast") as error:
        values(f"hf:{folder}:test")
    assert "\n" not in str(error.value)


def test_no_more_is_read_of_a_stream_than_is_asked_for() -> None:
    def endless() -> Iterator[dict[str, Any]]:
        for i in range(10**9):
            assert i < 10, "it read on"
            yield {"id": str(i), "prompt": "?", "answers": ["a", "b"], "is_matching": [True, False]}

    assert len(load_questions(datasets.IterableDataset.from_generator(endless), limit=4)) == 4


def test_without_the_package_datasets_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    message = r"^hf:a needs the package datasets: pip install 'pyscore-engine\[datasets\]'$"
    with pytest.raises(ImportError, match=message):
        places_of("hf:a")
