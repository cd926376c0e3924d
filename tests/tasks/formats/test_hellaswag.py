"""HellaSwag: held against lm-evaluation-harness, and its own text of what is left of layout marks."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyscore.tasks.formats import FORMATS
from pyscore.tasks.formats.hellaswag import _without_layout
from tests.tasks.formats.harness import asked_by_harness, asked_by_pyscore, read_one, tasks_folder

ROW = FORMATS["hellaswag"].example
VIDEO = {
    **ROW,
    "activity_label": "Juggling",
    "ctx_a": "A man stands on  a barrel.",
    "ctx_b": "the MAN",
    "endings": ["throws three clubs.", " eats   them. ", "[sic] is [x] a barrel.", "sleeps [title] twice."],
    "source_id": "activitynet~v_0",
    "label": "3",
}


def test_it_asks_what_the_harness_asks() -> None:
    rows = [ROW, VIDEO, {**VIDEO, "ctx_b": ""}]
    asked = [asked_by_pyscore(read_one("hellaswag", row)) for row in rows]
    assert asked == asked_by_harness("hellaswag/hellaswag.yaml", rows)


@given(parts=st.lists(st.sampled_from(["a", " ", "[", "]", "\n", " [title]", "[step]", "é."]), max_size=12))
def test_layout_marks_are_taken_out_as_the_harness_takes_them_out(parts: list[str]) -> None:
    tasks_folder()
    text = "".join(parts)
    assert _without_layout(text) == importlib.import_module("lm_eval.tasks.hellaswag.utils").preprocess(text)


def test_rows_of_one_source_share_a_cluster_and_the_label_is_the_group() -> None:
    first, second = read_one("hellaswag", ROW), read_one("hellaswag", {**ROW, "ctx_b": "this"})
    assert first.cluster == second.cluster == "wikihow~00000" != read_one("hellaswag", VIDEO).cluster
    assert first.group == "Home and Garden" and first.meta["split_type"] == "zeroshot"


def test_a_label_may_be_a_number_as_in_the_first_release() -> None:
    assert read_one("hellaswag", {**ROW, "label": 0}) == read_one("hellaswag", ROW)


def test_letters_name_the_same_ending() -> None:
    question = read_one("hellaswag", VIDEO, "letter")
    assert question.prompt.endswith("\nD. sleeps. twice.\nAnswer:") and question.is_matching[3]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": ""}, "'label' is empty or missing: the test split has no labels, load the validation split"),
        ({"label": None}, "the test split has no labels"),
        ({"label": "4"}, r"'label' must be the right choice's index \(0 to 3\)"),
        ({"label": -1}, r"'label' must be the right choice's index \(0 to 3\)"),
        ({"endings": ["a"]}, "a question needs two choices at least"),
        ({"endings": ["a", "[b]"]}, "choice 1, counted from 0, is blank"),
        ({"endings": "none"}, "'endings' must be a list of strings"),
        ({"ctx_b": None}, "'ctx_b' must be str, found NoneType"),
    ],
)
def test_a_malformed_row_is_one_error(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_one("hellaswag", {**ROW, **change})


def test_a_test_row_of_the_first_release_has_no_label_at_all() -> None:
    with pytest.raises(ValueError, match="the test split has no labels"):
        read_one("hellaswag", {key: value for key, value in ROW.items() if key != "label"})
