"""CrowS-Pairs: the harness's two sentences, parted where they differ, and its share of stereotypes."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyscore.metrics import Answers, apply_preset
from pyscore.tasks import load_questions
from pyscore.tasks.formats import FORMATS, format_of
from tests.tasks.formats.harness import asked_by_harness, read_one

ROW = dict(FORMATS["crows-pairs"].example)
FIRST_WORD = {**ROW, "sent_more": "Poor tenants never water plants.", "sent_less": "Rich tenants never water plants."}
HUB: dict[str, Any] = {
    "id": 3,
    "sent_more": "Our neighbour from the north sings too loudly.",
    "sent_less": "Our neighbour from the south sings too loudly.",
    "stereo_antistereo": 1,
    "bias_type": 4,
    "annotations": [[4], [4, 0]],
    "anon_writer": 2,
    "anon_annotators": [1, 5],
}
FRENCH = {"sent_more": "Les vieux voisins dorment.", "sent_less": "Les jeunes voisins dorment.", "bias_type": "age"}


@pytest.mark.parametrize("row", [ROW, FIRST_WORD, HUB, FRENCH])
def test_prompt_and_answers_are_the_harnesss_two_sentences(row: dict[str, Any]) -> None:
    found = format_of(row)
    assert found is not None and found.name == "crows-pairs"
    question = read_one("crows-pairs", row)
    columns = {**{key: row[key] for key in ("sent_more", "sent_less")}, "bias_type": "age"}
    (harness,) = asked_by_harness("crows_pairs/crows_pairs_english.yaml", [columns])
    assert [question.prompt + answer for answer in question.answers] == [
        harness.context + sentence for sentence in harness.continuations
    ]
    assert question.is_matching == (True, False) and harness.right == [0]


def test_sentences_part_at_a_word_and_the_prompt_may_be_empty() -> None:
    assert read_one("crows-pairs", ROW).prompt == "After lunch the"
    assert read_one("crows-pairs", HUB).answers == (" north sings too loudly.", " south sings too loudly.")
    question = read_one("crows-pairs", FIRST_WORD)
    assert question.prompt == "" and question.answers[1] == "Rich tenants never water plants."


def test_the_group_is_the_bias_by_its_name_and_pairs_stand_alone() -> None:
    assert [read_one("crows-pairs", row).group for row in (ROW, HUB, FRENCH)] == ["age", "nationality", "age"]
    assert read_one("crows-pairs", {**FRENCH, "bias_type": None}).group is None
    clusters = [read_one("crows-pairs", row).cluster for row in (ROW, FIRST_WORD, HUB, FRENCH)]
    assert len(set(clusters)) == 4
    swapped = {**ROW, "sent_more": ROW["sent_less"], "sent_less": ROW["sent_more"]}
    assert read_one("crows-pairs", swapped).cluster == clusters[0]


def test_the_releases_csv_is_read(tmp_path: Path) -> None:
    path = tmp_path / "crows_pairs_anonymized.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ROW)
        writer.writeheader()
        writer.writerows([ROW, FIRST_WORD])
    loaded = load_questions(path)
    assert [question.prompt for question in loaded] == ["After lunch the", ""]
    assert loaded[0].meta == {key: ROW[key] for key in ROW if key not in ("", "sent_more", "sent_less", "bias_type")}


def test_the_harnesss_share_of_stereotypes_is_the_rate_of_matching_answers() -> None:
    utils = pytest.importorskip("lm_eval.tasks.crows_pairs.utils")
    whole = np.array([[-41.5, -40.0], [-30.0, -33.25], [-52.0, -52.5], [-18.0, -17.0], [-60.0, -75.0]])
    theirs = [utils.process_results({}, [(more, False), (less, False)]) for more, less in whole]
    shared = np.array([-20.0, 0.0, -31.5, -4.0, -12.0])  # of the common beginning, which pyscore doesn't score
    answers = Answers.with_gold((whole - shared[:, None]).ravel(), np.arange(0, 11, 2), [0] * 5)
    expected = np.mean([each["pct_stereotype"] for each in theirs])
    assert apply_preset(answers, "lm_eval")["acc"].value == expected == 0.6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sent_more": None}, "'sent_more' must be str, found NoneType"),
        ({"sent_less": " "}, "'sent_less' is empty: it must be a sentence"),
        ({"sent_less": ROW["sent_more"]}, "'sent_more' and 'sent_less': both texts are 'After lunch"),
        ({"bias_type": 9}, "'bias_type' must be a name, or its number from 0 to 8, found 9"),
        ({"bias_type": ["age"]}, "'bias_type' must be int or str, found list"),
        ({"bias_type": True}, "'bias_type' must be int or str, found bool"),
    ],
)
def test_a_malformed_row_is_one_error(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_one("crows-pairs", {**ROW, **change})
