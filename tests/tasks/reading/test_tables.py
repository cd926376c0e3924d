"""Tables in memory give the rows that they hold, as Python's own values."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pyscore.tasks import load_questions
from pyscore.tasks.reading import places_of
from tests.tasks.reading.rows import records, values

datasets: Any = pytest.importorskip("datasets")
pd: Any = pytest.importorskip("pandas")
pl: Any = pytest.importorskip("polars")

ROWS: list[dict[str, Any]] = [
    {"question": "Why\u2028? ", "choices": ["a", "b"], "label": 1, "x": 0.5, "nested": {"k": ["v"]}, "note": None},
    {"question": "How?", "choices": ["c"], "label": 0, "x": -1.0, "nested": {"k": []}, "note": "n"},
] * 1200
"""More rows than one batch holds."""

TABLES: dict[str, Callable[[], Any]] = {
    "list": lambda: ROWS,
    "tuple": lambda: tuple(ROWS),
    "generator": lambda: (row for row in ROWS),
    "mapping proxies": lambda: [MappingProxyType(row) for row in ROWS],
    "Table": lambda: pa.Table.from_pylist(ROWS),
    "RecordBatch": lambda: pa.RecordBatch.from_pylist(ROWS),
    "RecordBatchReader": lambda: pa.Table.from_pylist(ROWS).to_reader(max_chunksize=700),
    "DataFrame of Polars": lambda: pl.DataFrame(ROWS),
    "LazyFrame": lambda: pl.LazyFrame(ROWS),
    "DataFrame of pandas": lambda: pd.DataFrame(ROWS),
    "DataFrame of Arrow": lambda: pa.Table.from_pylist(ROWS).to_pandas(types_mapper=pd.ArrowDtype),
    "DataFrame of NumPy": lambda: pa.Table.from_pylist(ROWS).to_pandas(),
    "Dataset": lambda: datasets.Dataset.from_list(ROWS),
    "Dataset for torch": lambda: datasets.Dataset.from_list(ROWS).with_format("numpy"),
    "shuffled back": lambda: datasets.Dataset.from_list(ROWS[::-1]).select(range(len(ROWS) - 1, -1, -1)),
    "IterableDataset": lambda: datasets.Dataset.from_list(ROWS).to_iterable_dataset(),
    "IterableDataset for NumPy": lambda: datasets.Dataset.from_list(ROWS).to_iterable_dataset().with_format("numpy"),
}


def types_of(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: types_of(each) for key, each in value.items()}
    return [types_of(each) for each in value] if isinstance(value, list) else type(value)


@pytest.mark.parametrize("name", TABLES)
def test_every_kind_of_table_gives_its_rows_in_pythons_own_types(name: str) -> None:
    found = records(TABLES[name]())
    assert [record.values for record in found] == ROWS
    assert [record.row for record in found] == list(range(len(ROWS)))
    assert [record.where for record in found[1022:1026]] == ["row 1023", "row 1024", "row 1025", "row 1026"]
    assert types_of(found[1].values) == types_of(ROWS[1])


def test_questions_come_of_a_table_and_a_bad_row_is_named() -> None:
    row = {"question": "Would you?", "answer_matching_behavior": " Yes", "answer_not_matching_behavior": " No"}
    assert [question.id for question in load_questions(pl.DataFrame([row, row]))] == ["table:0", "table:1"]
    with pytest.raises(ValueError, match=r"^the Table, row 2: the question is empty"):
        load_questions(pa.Table.from_pylist([row, row | {"question": ""}]))
    with pytest.raises(ValueError, match=r"^the generator, row 2: the question is empty"):
        load_questions(each for each in [row, row | {"question": ""}])


def test_results_of_duckdb_are_read_by_their_stream() -> None:
    duckdb: Any = pytest.importorskip("duckdb")
    assert values(duckdb.sql("select 'a' as question, [1, 2] as n")) == [{"question": "a", "n": [1, 2]}]


def test_class_labels_stay_numbers() -> None:
    features = datasets.Features({"label": datasets.ClassLabel(names=["no", "yes"])})
    given = datasets.Dataset.from_list([{"label": 1}, {"label": 0}], features=features)
    assert values(given) == values(given.to_iterable_dataset()) == [{"label": 1}, {"label": 0}]


def test_a_data_set_is_called_by_its_name() -> None:
    given = datasets.Dataset.from_list([{"a": 1}])
    given.info.dataset_name = "questions"
    (place,) = places_of(given)
    assert (place.name, place.stem) == ("the Dataset 'questions'", "questions")


def test_chosen_columns_and_transforms_of_a_data_set_are_kept() -> None:
    given = datasets.Dataset.from_list([{"a": 1, "b": 2}])
    assert values(given.with_format("numpy", columns=["b"])) == [{"b": 2}]
    assert values(given.with_transform(lambda batch: {"c": np.array(batch["a"]) + 1})) == [{"c": 2}]


def test_several_splits_are_to_be_chosen_from() -> None:
    given = datasets.DatasetDict({name: datasets.Dataset.from_list([{"a": 1}]) for name in ("train", "test")})
    with pytest.raises(ValueError, match=r"a DatasetDict is several data sets: give one of its splits, 'tr.*'test'"):
        places_of(given)
    assert values(given["test"]) == [{"a": 1}]


def test_missing_values_of_pandas_are_none_and_its_times_are_pythons() -> None:
    frame = pd.DataFrame(
        {
            "text": ["a", None],
            "nan": [0.5, float("nan")],
            "integer": pd.array([3, None], "Int64"),
            "time": pd.to_datetime(["2024-07-26", None]),
            "kind": pd.Categorical(["x", None]),
            "numbers": [np.array([1, 2]), np.float32(0.5)],
        },
        index=[7, 7],
    )
    assert values(frame) == [
        {
            **{"text": "a", "nan": 0.5, "integer": 3, "kind": "x", "numbers": [1, 2]},
            "time": datetime.datetime(2024, 7, 26),
        },
        {"text": None, "nan": None, "integer": None, "time": None, "kind": None, "numbers": 0.5},
    ]


def test_numpys_values_and_tuples_of_mappings_become_pythons_and_lists() -> None:
    given = {"a": np.str_("x"), "b": np.int64(3), "c": (np.array([True]), {"d": np.float32(0.5)}), "e": np.array("y")}
    (found,) = values([given])
    assert found == {"a": "x", "b": 3, "c": [[True], {"d": 0.5}], "e": "y"}
    assert types_of(found) == {"a": str, "b": int, "c": [[bool], {"d": float}], "e": str}


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ([{"a": 1}, 3], TypeError, "^the list, row 2: a mapping of keys to values is needed, found 3$"),
        (iter(["a"]), TypeError, "row 1: a mapping of keys to values is needed, found 'a'"),
        (pl.Series(["a"]), TypeError, "the Series is no table that Arrow can hold"),
        (pd.DataFrame([[1, 2]]), ValueError, "the DataFrame: columns must have text as names, found 0: rename them"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), ValueError, "the column 'a' stands there more than once"),
        (pa.table([[1], [2]], ["a", "a"]), ValueError, "the Table: the column 'a' stands there more than once"),
    ],
)
def test_a_table_that_holds_no_rows_is_told(source: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        records(source)


def test_a_table_names_its_columns_and_takes_no_header() -> None:
    with pytest.raises(ValueError, match="the Table names its columns"):
        records(pa.table({"a": [1]}), header=["b"])


def test_an_endless_iterator_is_read_as_far_as_is_asked() -> None:
    def endless() -> Iterator[dict[str, Any]]:
        for i in range(10**9):
            assert i < 5, "it read on"
            yield {"id": str(i), "prompt": "?", "answers": ["a", "b"], "is_matching": [True, False]}

    assert [question.id for question in load_questions(endless(), limit=4)] == ["0", "1", "2", "3"]


def test_batches_of_a_lazy_frame_and_a_reader_are_asked_for_one_by_one() -> None:
    asked = []

    def batches() -> Iterator[Any]:
        for i in range(1000):
            asked.append(i)
            yield pa.record_batch({"id": [str(i)] * 10, "prompt": ["?"] * 10})

    reader = pa.RecordBatchReader.from_batches(pa.schema({"id": pa.string(), "prompt": pa.string()}), batches())
    (place,) = places_of(reader)
    with place.records() as found:
        assert [next(found).values["id"] for _ in range(11)] == ["0"] * 10 + ["1"]
    assert len(asked) < 5
