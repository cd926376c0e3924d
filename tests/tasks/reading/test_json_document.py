"""JSON that is read piece by piece holds what Python's own reader gives, however it is written and cut."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyscore.tasks.reading import Record
from pyscore.tasks.reading.json_document import read_array, read_objects
from pyscore.tasks.reading.jsonl import read_json

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
rows = st.lists(st.dictionaries(st.text(max_size=4), json_values, max_size=3), max_size=5)


def cut(content: bytes, size: int) -> Iterator[bytes]:
    return (content[i : i + size] for i in range(0, len(content), size))


@given(rows, st.sampled_from([None, 1]), st.booleans(), st.integers(1, 40))
def test_an_array_holds_what_the_reader_of_json_gives(
    found: list[Any], indent: int | None, escaped: bool, size: int
) -> None:
    content = json.dumps(found, indent=indent, ensure_ascii=escaped).encode()
    assert [record.values for record in read_array(cut(content, size), "a")] == found


@given(rows, st.sampled_from([None, 1]), st.integers(1, 40))
def test_objects_one_after_another_hold_what_the_reader_of_json_gives(
    found: list[Any], indent: int | None, size: int
) -> None:
    content = "".join(json.dumps(each, indent=indent) for each in found).encode()
    assert [record.values for record in read_objects(cut(content, size), "a")] == found


@pytest.mark.parametrize("read", [read_array, read_objects])
def test_elements_longer_than_what_is_read_at_once_are_whole(read: Callable[..., Iterator[Record]]) -> None:
    found = [{"a": 'ö\\"' * 100_000, "n": [i + 0.25] * 20_000} for i in range(3)]
    content = json.dumps(found, ensure_ascii=False).encode()
    content = content if read is read_array else content[1:-1].replace(b"}, {", b"}{")
    assert [record.values for record in read(cut(content, 65536), "a")] == found


@given(rows, st.sampled_from([None, 1]), st.data())
def test_a_file_that_breaks_off_anywhere_never_passes_for_a_whole_one(
    found: list[Any], indent: int | None, data: Any
) -> None:
    content = json.dumps(found, indent=indent).encode()
    at = data.draw(st.integers(1, len(content) - 1))
    with pytest.raises(ValueError, match=r"breaks off|not JSON|not UTF-8|needed"):
        list(read_array(cut(content[:at], 7), "a"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'[{"a": 1}, {"a": tru}]', r"a, element 2 from line 1 on: not JSON \(Expecting value in line 1\)$"),
        (b'[{"a": 1},\n{"a": 1 "b"}]', r"a, element 2 from line 2 on: not JSON \(Expecting ',' delimiter in line 2\)$"),
        (
            b'[\n{"a": 1},\n{"a":\n',
            "element 2 from line 3 on: not JSON .* in line 4.: the file breaks off here",
        ),
        (b'[{"a": "b', r"element 1 from line 1 on: not JSON \(Unterminated string .*breaks off here"),
        (b'[{"a": 1}', "a breaks off after element 1: the array has no ]"),
        (b'[{"a": 1},', "a breaks off after element 1"),
        (b"[", "a breaks off after element 0"),
        (b'[{"a": 1}, ]', "element 2 from line 1 on: not JSON"),
        (b'[{"a": 1}\n{"a": 2}]', "a, line 2: a comma or ] is needed after element 1"),
        (b'[{"a": 1}]\n[{"a": 2}]', "a, line 2: text after the end of the array"),
        (b"[1, 2]", "a, element 1: a JSON object is needed, found int"),
        (b'[{"a": 1}, [2]]', "a, element 2: a JSON object is needed, found list"),
        (b'[{"a": 1, "a": 2}]', "a, element 1: the key 'a' stands there more than once"),
        (b'[{"a": ' + b"1" * 5000 + b"}]", "a, element 1: Exceeds the limit"),
        (b'[{"a": ' + b"[" * 100_000, "a, element 1: JSON that is nested too deeply"),
        (b'[{"a": "\xff"}]', r"a: not UTF-8 \(byte 8 of the file\)"),
        (b'[{"a": "\xc3', r"a: not UTF-8 \(byte 8 of the file\)"),
        (b'[{"a": "b"}, \0', r"a: NUL bytes \(byte 13 of the file\)"),
        (b'{\n"a": 1\n}\n{"b": \n', "object 2 from line 4 on: not JSON .*: the file breaks off here"),
        (b'{\n"a": 1\n}\n5', "object 2: a JSON object is needed, found int"),
    ],
)
def test_a_fault_is_told_with_its_element_and_line(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        list(read_json(io.BytesIO(content), "a"))
    assert "\n" not in str(error.value)


def test_a_fault_in_an_element_is_told_without_reading_on() -> None:
    given_blocks = iter([b'[{"a": 1 "b": 2},' + b" " * 100])
    with pytest.raises(ValueError, match="element 1"):
        list(read_array(given_blocks, "a"))

    def endless() -> Iterator[bytes]:
        yield b'[{"a": ?},\n'
        for i in range(1000):
            assert i < 100, "it read on"
            yield b'{"a": "b"},' * 1000

    with pytest.raises(ValueError, match=r"element 1 .*Expecting value"):
        list(read_array(endless(), "a"))


@pytest.mark.parametrize("fault", [b"\0", b"\xff"])
def test_a_fault_of_the_text_is_told_once_what_stands_before_it_was_read(fault: bytes) -> None:
    records = read_json(io.BytesIO(b'[{"a": 1}, {"a": 2}, ' + fault), "a")
    assert [next(records).values, next(records).values] == [{"a": 1}, {"a": 2}]
    with pytest.raises(ValueError, match=r"a: (NUL bytes|not UTF-8) \(byte 21 of the file\)"):
        next(records)


def test_numbers_that_nobody_can_compute_with_are_read_as_python_writes_them() -> None:
    (record,) = read_json(io.BytesIO(b'[{"a": NaN, "b": -Infinity}]'), "a")
    assert str(record.values) == "{'a': nan, 'b': -inf}"


def test_the_first_line_that_breaks_off_in_a_string_is_a_fault_of_a_line() -> None:
    with pytest.raises(ValueError, match=r"a, line 1: not JSON \(Unterminated string"):
        list(read_json(io.BytesIO(b'{"a": "b\n{"a": 1}'), "a"))
