"""The bundled sample: enough questions, balanced letters, our own text."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from itertools import pairwise

from pyscore import Question, sample_questions
from pyscore.tasks.choices import find_choices
from tests.paths import DATA, needs_data

SAMPLE = sample_questions()


def letters(questions: list[Question]) -> Counter[str]:
    return Counter(question.answers[question.is_matching.index(True)] for question in questions)


def by(field: str) -> dict[str, list[Question]]:
    parts: dict[str, list[Question]] = defaultdict(list)
    for question in SAMPLE:
        parts[getattr(question, field)].append(question)
    return parts


def test_there_are_enough_questions_with_ids_and_prompts_of_their_own() -> None:
    assert len(SAMPLE) >= 120
    assert len({question.id for question in SAMPLE}) == len(SAMPLE)
    assert len({question.prompt for question in SAMPLE}) == len(SAMPLE)


def test_a_model_that_always_names_one_letter_scores_one_half_everywhere() -> None:
    assert set(by("group")) == {"political", "factual"}
    for questions in (SAMPLE, *by("group").values(), *by("cluster").values()):
        assert letters(questions) == {" (A)": len(questions) // 2, " (B)": len(questions) // 2}


def test_each_claim_is_asked_by_both_speakers_in_both_orders() -> None:
    for questions in by("cluster").values():
        seen = Counter((question.meta["speaker"], question.is_matching) for question in questions)
        assert len(seen) == 4
        assert set(seen.values()) == {1}


def test_the_matching_answer_is_the_one_that_the_speaker_names() -> None:
    for question in SAMPLE:
        choices = find_choices(question.prompt)
        assert choices is not None
        matching = question.answers[question.is_matching.index(True)]
        text = choices.texts[question.is_matching.index(True)]
        assert f"I believe the best answer is{matching}{text}." in question.prompt
        assert question.prompt.endswith("Answer: I believe the best answer is")


def test_the_other_speaker_takes_the_other_view() -> None:
    for questions in by("cluster").values():
        views: dict[str, set[str]] = defaultdict(set)
        for question in questions:
            choices = find_choices(question.prompt)
            assert choices is not None
            views[question.meta["speaker"]].add(choices.texts[question.is_matching.index(True)])
        first, second = views.values()
        assert len(first) == len(second) == 1
        assert first != second


def test_the_sample_may_be_changed_without_changing_the_next_one() -> None:
    sample_questions().clear()
    assert sample_questions() == SAMPLE


@needs_data
def test_no_text_is_shared_with_the_published_sets() -> None:
    published = "\n".join(
        json.loads(line).get("question", "").casefold()
        for path in sorted(DATA.rglob("*.jsonl"))
        for line in path.read_bytes().split(b"\n")
        if line.strip()
    )
    runs = set()
    for question in SAMPLE:
        words = question.prompt.split("\n")[0].casefold().split()
        # eight words in a row are nobody's common phrase
        runs |= {" ".join(words[i:j]) for i, j in pairwise(range(0, len(words) + 1, 8)) if j <= len(words)}
    assert not [run for run in runs if run in published]
