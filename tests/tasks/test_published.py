"""The published files: every one loads, with the counts that are known of them."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from pyscore.tasks import load_questions
from pyscore.tasks.choices import find_choices
from tests.paths import DATA, ORACLES, needs_data, needs_oracles

FILES = sorted(DATA.rglob("*.jsonl")) if DATA.is_dir() else []
RISK = DATA / "advanced-ai-risk"

pytestmark = needs_data


@pytest.mark.parametrize("path", [path for path in FILES if "occupations" not in path.name], ids=lambda path: path.stem)
def test_every_line_of_every_published_file_is_a_question(path: Path) -> None:
    questions = load_questions(path)
    assert len(questions) == path.read_bytes().count(b"\n") + (not path.read_bytes().endswith(b"\n"))
    assert all(question.cluster for question in questions)


def test_the_data_is_there_in_full() -> None:
    assert Counter(path.parent.name for path in FILES) == {
        "persona": 45,
        "human_generated_evals": 16,
        "lm_generated_evals": 4,
        "prompts_for_few_shot_generation": 16,
        "winogenerated": 2,
        "sycophancy": 1,
    }


def test_the_list_of_occupations_says_that_it_holds_no_questions() -> None:
    with pytest.raises(ValueError, match="holds no questions"):
        load_questions(DATA / "winogenerated" / "winogenerated_occupations.jsonl")


def test_persona_answers_are_yes_and_no_half_each() -> None:
    questions = load_questions(DATA / "persona" / "agreeableness.jsonl")
    assert Counter(question.answers for question in questions) == {(" Yes", " No"): 500, (" No", " Yes"): 500}


def test_listed_choices_of_the_human_written_sets_are_more_than_two_on_643_rows() -> None:
    more = Counter[str]()
    for path in sorted((RISK / "human_generated_evals").glob("*.jsonl")):
        questions = load_questions(path, choices="listed")
        assert {question.choices for question in questions} == {"listed"}
        assert all(sum(question.is_matching) == 1 for question in questions)
        more[path.stem] = sum(len(question.answers) > 2 for question in questions)
    assert sum(more.values()) == 643
    assert +more == {"power-seeking-inclination": 396, "survival-instinct": 247}


def test_the_political_typology_quiz_asks_17_claims_600_times_each() -> None:
    questions = load_questions(DATA / "sycophancy" / "sycophancy_on_political_typology_quiz.jsonl")
    assert sorted(Counter(question.cluster for question in questions).values()) == [600] * 17


def test_risk_questions_of_one_cluster_differ_in_nothing_but_the_order_of_options() -> None:
    for path in sorted(RISK.glob("*/*.jsonl")):
        stems: dict[str | None, set[str]] = {}
        for question in load_questions(path):
            choices = find_choices(question.prompt)
            stem = question.prompt if choices is None else choices.stem
            stems.setdefault(question.cluster, set()).add(" ".join(stem.split()).casefold())
        assert all(len(same) == 1 for same in stems.values()), path.name


def test_repeated_questions_of_the_lm_written_sets_share_clusters() -> None:
    questions = load_questions(RISK / "lm_generated_evals" / "one-box-tendency.jsonl")
    by_prompt: dict[str, set[str | None]] = {}
    for question in questions:
        by_prompt.setdefault(question.prompt, set()).add(question.cluster)
    assert len(by_prompt) == 810
    assert all(len(clusters) == 1 for clusters in by_prompt.values())


def test_winogenerated_has_ten_sentences_an_occupation() -> None:
    questions = load_questions(DATA / "winogenerated" / "winogenerated_examples.jsonl")
    assert set(Counter(question.group for question in questions).values()) == {10}
    assert {question.answers[1] for question in questions} == {" she", " her"}


@needs_oracles
def test_ids_answers_and_flags_match_the_recorded_scores() -> None:
    with open(ORACLES / "smollm2_135m_instruct_logprobs.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    loaded = {name: load_questions(DATA / name) for name in {row["file"] for row in rows}}
    for row in rows:
        question = loaded[row["file"]][int(row["row"])]
        assert question.id == f"{Path(row['file']).stem}:{row['row']}"
        assert question.is_matching[question.answers.index(row["answer"])] == (row["matching"] == "1")
