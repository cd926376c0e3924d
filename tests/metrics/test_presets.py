"""Presets: published numbers, and the sources' conventions worked out by hand or in plain loops."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from dataclasses import replace
from math import exp, inf, isnan, log
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, logsumexp

from pyscore.metrics import PRESETS, Answers, Preset, apply_preset
from pyscore.metrics.question_values import per_question
from tests.paths import ORACLES, needs_oracles


def pairs(first: list[float], second: list[float], gold: list[int], **columns: object) -> Answers:
    """Two answers a question."""
    logprob = np.stack([first, second], axis=1).ravel()
    return Answers.with_gold(logprob, np.arange(0, len(logprob) + 1, 2), gold, **columns)


def ragged(seed: int, n: int = 40) -> Answers:
    rng = np.random.default_rng(seed)
    counts = rng.integers(2, 6, n)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    logprob = -rng.gamma(1.5, 4.0, offsets[-1])
    return Answers.with_gold(
        logprob, offsets, rng.integers(0, counts), n_chars=rng.integers(1, 30, offsets[-1]),
        n_bytes=rng.integers(1, 60, offsets[-1]), unconditional=-rng.gamma(1.5, 4.0, offsets[-1]),
    )  # fmt: skip


def questions(answers: Answers) -> list[tuple[np.ndarray, int]]:
    """Each question's log-probabilities and the index of the right one."""
    bounds = zip(answers.question_offsets[:-1], answers.question_offsets[1:], strict=True)
    return [(answers.logprob[a:b], int(np.argmax(answers.is_matching[a:b]))) for a, b in bounds]


def read(name: str) -> list[dict[str, str]]:
    with open(ORACLES / name, newline="") as file:
        return list(csv.DictReader(file))


@needs_oracles
def test_caa_gives_the_published_sycophancy_numbers() -> None:
    rows = read("caa_sycophancy_layer13_mult-1_llama2-7b-chat.csv")
    a, b = ([log(float(row[name])) for row in rows] for name in ("a_prob", "b_prob"))
    report = apply_preset(pairs(a, b, ["AB".index(row["matching"]) for row in rows]), "caa")
    assert report["mean_probability"].value == pytest.approx(0.6367491809389794, abs=1e-12)
    assert report["preference_rate"].value == 0.64
    assert report["mean_probability_raw"].value == pytest.approx(0.5149120361637324, abs=1e-12)
    assert report["mean_coverage"].value == pytest.approx(0.8261871661688202, abs=1e-12)


@needs_oracles
def test_lm_eval_gives_the_published_winogrande_accuracy_and_every_verdict() -> None:
    rows = read("lm_eval_winogrande_5shot_llama13b.csv")
    first, second = ([float(row[name]) for row in rows] for name in ("logit_0", "logit_1"))
    answers = pairs(first, second, [int(row["truth"]) for row in rows])
    acc = apply_preset(answers, "lm_eval")["acc"]
    assert round(acc.value * len(rows)) == 965
    assert (round(acc.value, 4), round(acc.stderr, 4)) == (0.7616, 0.0120)
    assert per_question(answers, "correct").tolist() == [row["acc"] == "True" for row in rows]


@given(st.integers(0, 2**32 - 1))
def test_inverse_scaling_classification_equals_a_plain_loop(seed: int) -> None:
    answers = ragged(seed)
    report = apply_preset(answers, "inverse_scaling_classification")
    rows = questions(answers)
    losses = np.array([-log_softmax(z)[gold] for z, gold in rows])
    assert report["loss"].value == pytest.approx(losses.mean(), rel=1e-12)
    assert report["loss"].stderr == pytest.approx(losses.std(ddof=0) / np.sqrt(len(rows)), rel=1e-9)
    assert report["correct"].value == pytest.approx(np.mean([np.argmax(z) == gold for z, gold in rows]))
    assert report["total_logprob"].value == pytest.approx(np.mean([logsumexp(z) for z, _ in rows]), rel=1e-12)
    assert report["coverage"].value == pytest.approx(np.mean([np.exp(z).sum() for z, _ in rows]), rel=1e-12)
    assert report.numbers["baseline_loss"] == pytest.approx(np.mean([log(len(z)) for z, _ in rows]))
    assert report.numbers["baseline_correct"] == pytest.approx(np.mean([1 / len(z) for z, _ in rows]))


def test_the_interval_of_a_total_logprob_ends_at_0_unless_answers_share_mass() -> None:
    report = apply_preset(pairs([-0.1, -9.0, -0.2], [-9.0, -8.0, -9.0], [0, 0, 0]), "inverse_scaling_classification")
    assert report["total_logprob"].high == 0
    report = apply_preset(pairs([-0.1, -9.0, -0.2], [-0.1, -8.0, -0.2], [0, 0, 0]), "inverse_scaling_classification")
    assert report["total_logprob"].high > 0


@pytest.mark.parametrize("gold", [0, 1])
def test_log_odds_turn_their_sign_with_the_answer_index_and_correct_looks_at_the_other_prompt(gold: int) -> None:
    prompt, other = pairs([-1.0], [-3.0], [gold]), pairs([-2.5], [-2.0], [gold])
    delta = (-1.0 + 3.0) - (-2.5 + 2.0)
    report = apply_preset(prompt, "inverse_scaling_logodds", other=other)
    assert report["logodds_difference"].value == pytest.approx(-delta if gold else delta)
    assert report["correct"].value == (1.0 if gold else 0.0)  # after the other prompt answer 1 leads
    absolute = apply_preset(prompt, "inverse_scaling_absolute_logodds", other=other)
    assert absolute["logodds_difference"].value == pytest.approx(delta)


def test_a_sequence_has_the_loss_of_its_completion() -> None:
    report = apply_preset(Answers.of_sequences([-2.0, -4.0]), "inverse_scaling_sequence_prob")
    assert (report["loss"].value, report["loss"].stderr) == pytest.approx((3.0, 1 / math.sqrt(2)))


@given(st.integers(0, 2**32 - 1))
def test_lm_eval_equals_a_plain_loop(seed: int) -> None:
    answers = ragged(seed)
    report = apply_preset(answers, "lm_eval")
    bounds = list(zip(answers.question_offsets[:-1], answers.question_offsets[1:], strict=True))
    scores = {
        "acc": answers.logprob,
        "acc_norm": answers.logprob / answers.n_chars,
        "acc_bytes": answers.logprob / answers.n_bytes,
        "acc_mutual_info": answers.logprob - answers.unconditional,
    }
    for name, score in scores.items():
        right = [np.argmax(score[a:b]) == np.argmax(answers.is_matching[a:b]) for a, b in bounds]
        assert report[name].value == pytest.approx(np.mean(right))
        assert report[name].stderr == pytest.approx(np.std(right, ddof=1) / np.sqrt(len(right)))
    brier = [((np.exp(log_softmax(z)) - np.eye(len(z))[gold]) ** 2).sum() for z, gold in questions(answers)]
    assert report["brier_score"].value == pytest.approx(np.mean(brier), rel=1e-12)


def test_lengths_count_characters_and_bytes_of_the_choice() -> None:
    # "ééé" has 3 characters and 6 bytes, "abcde" 5 of both: -6 and -7 are -2, -1.4 a character and -1, -1.4 a byte
    choices = ["ééé", "abcde"]
    n_chars, n_bytes = [len(choice) for choice in choices], [len(choice.encode()) for choice in choices]
    answers = pairs([-6.0], [-7.0], [0], n_chars=n_chars, n_bytes=n_bytes)
    report = apply_preset(answers, "lm_eval")
    assert [report[name].value for name in ("acc", "acc_norm", "acc_bytes")] == [1, 0, 1]


def test_a_metric_without_its_data_says_what_is_missing_and_spares_the_rest() -> None:
    report = apply_preset(pairs([-1.0, -2.0], [-2.0, -1.0], [0, 0]), "lm_eval")
    assert report["acc"].value == 0.5
    assert isnan(report["acc_norm"].value) and report["acc_norm"].reason == "the answers have no n_chars"
    assert "unconditional" in report["acc_mutual_info"].reason
    assert report["brier_score"].reason == "" and "no n_chars" in str(report)


def test_perplexities_are_of_all_units_together() -> None:
    texts = Answers.of_sequences([-10.0, -30.0], n_bytes=[8, 12], n_words=[2, 3])
    report = apply_preset(texts, "lm_eval_rolling")
    assert report["bits_per_byte"].value == pytest.approx(40 / 20 / log(2))
    assert report["byte_perplexity"].value == pytest.approx(exp(2))
    word = report["word_perplexity"]
    assert word.value == pytest.approx(exp(8))
    # ratio: 40/5 = 8 nats a word, without one text 30/3 and 10/2
    assert word.stderr == pytest.approx(exp(8) * math.sqrt(1 / 2 * (2**2 + 3**2)))
    assert report["bits_per_byte"].low == 0 and word.low == 1


def test_a_perplexity_beyond_float64_is_infinite_with_a_reason() -> None:
    report = apply_preset(Answers.of_sequences([-1e4, -2e4 - 1], n_bytes=[10, 20], n_words=[1, 2]), "lm_eval_rolling")
    assert report["bits_per_byte"].value == pytest.approx((1000 + 1 / 30) / log(2))
    assert report["word_perplexity"].value == inf and "beyond float64" in report["word_perplexity"].reason
    impossible = apply_preset(Answers.of_sequences([-inf, -1.0], n_words=[1, 2]), "lm_eval_rolling")
    assert impossible["word_perplexity"].value == inf and "infinite" in impossible["word_perplexity"].reason


def test_a_debate_judge_gives_ties_to_b_and_a_missing_letter_minus_a_hundred() -> None:
    answers = pairs([-1.0, -1.0, -inf, -inf], [-1.0, -1.0, -2.0, -inf], [0, 1, 0, 1])
    report = apply_preset(answers, "debate_judge")
    assert report["accuracy"].value == 0.5  # ties: lost by A, won by B; A is missing: lost; both missing: B wins
    assert report["tie_rate"].value == 0.75
    assert report.numbers["missing_answers"] == 3
    assert "ties:last" in report.signature and "preset:debate_judge" in report.signature


@pytest.mark.parametrize("preset", ["model_written_evals", "caa", "inverse_scaling_classification", "lm_eval"])
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_questions_does_not_matter(preset: str, seed: int) -> None:
    answers = ragged(seed)
    turned = apply_preset(answers.backwards(), preset)  # no exact ties here, so answers may be turned too
    for name, estimate in apply_preset(answers, preset).estimates.items():
        assert turned[name].value == pytest.approx(estimate.value, abs=1e-12)
        assert turned[name].stderr == pytest.approx(estimate.stderr, abs=1e-12)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_every_preset_prints_is_json_and_signs_with_its_name(preset: str) -> None:
    chosen = PRESETS[preset]
    if any(metric.value == "sequence_loss" for metric in chosen.metrics):
        answers = Answers.of_sequences([-1.0, -2.0], n_bytes=[3, 4], n_words=[1, 2])
    else:
        answers = pairs([-1.0, -2.0], [-2.0, -1.0], [0, 0], n_chars=[1, 2, 3, 4], n_bytes=[1, 2, 3, 4])
    report = apply_preset(answers, preset, other=answers if chosen.two_prompts else None, clusters=["x", "y"])
    assert f"preset:{preset}|" in report.signature and report.signature in str(report)
    json.dumps(report.to_dict(), allow_nan=False)
    assert set(report.estimates) == {metric.name for metric in chosen.metrics}
    assert chosen.source


@pytest.mark.parametrize(("ddof", "expected"), [(0, 0.25), (1, 0.25 * math.sqrt(4 / 3))])
def test_ddof_is_data_of_the_preset(ddof: int, expected: float) -> None:
    answers = pairs([-1.0] * 4, [-2.0] * 2 + [-0.5] * 2, [0] * 4)
    report = apply_preset(answers, replace(PRESETS["model_written_evals"], name="mine", ddof=ddof))
    assert report["preference_rate"].stderr == pytest.approx(expected)
    assert "preset:mine" in report.signature


def test_a_changed_preset_cannot_sign_with_a_published_name() -> None:
    with pytest.raises(ValueError, match="not the published 'caa': give it a name of its own"):
        apply_preset(PLAIN, replace(PRESETS["caa"], ddof=0))
    assert apply_preset(PLAIN, PRESETS["caa"]) == apply_preset(PLAIN, "caa")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: replace(p, ties="both"), "ties='both'"),
        (lambda p: replace(p, sets="mean"), "sets='mean'"),
        (lambda p: replace(p, missing=-100.0), "missing= isn't defined there"),
        (lambda p: replace(p.metrics[0], value="likelihood"), "value='likelihood'"),
        (lambda p: replace(p.metrics[0], kind="ratio"), "has per="),
        (lambda p: replace(p.metrics[0], per="n_words"), "has per="),
    ],
)
def test_a_preset_that_cannot_be_carried_out_is_refused_where_it_is_made(
    change: Callable[[Preset], object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        change(PRESETS["inverse_scaling_logodds"])


@pytest.mark.parametrize("preset", ["model_written_evals", "caa", "inverse_scaling_classification", "lm_eval"])
def test_repeated_questions_in_clusters_have_the_intervals_of_the_questions_alone(preset: str) -> None:
    once = ragged(3)
    columns = ("logprob", "is_matching", "n_chars", "n_bytes", "unconditional")
    offsets = np.concatenate([[0], np.cumsum(np.tile(once.n_answers, 3))])
    answers = replace(once, question_offsets=offsets, **{name: np.tile(getattr(once, name), 3) for name in columns})
    clusters = (f"question {i}" for i in list(range(len(once))) * 3)  # can be read once only
    report = apply_preset(answers, preset, clusters=clusters)
    assert report.title == f"{preset}: 120 questions in 40 clusters"
    for name, estimate in apply_preset(once, preset).estimates.items():
        found = report[name]
        assert (found.value, found.stderr, found.low, found.high) == pytest.approx(
            (estimate.value, estimate.stderr, estimate.low, estimate.high), rel=1e-9
        )


def test_impossible_answers_on_both_prompts_leave_the_difference_undefined_and_say_so() -> None:
    prompt, other = pairs([-1.0, -1.0], [-inf, -2.0], [0, 0]), pairs([-2.0, -1.0], [-inf, -2.0], [0, 0])
    report = apply_preset(prompt, "inverse_scaling_logodds", other=other)
    assert isnan(report["logodds_difference"].value) and report["logodds_difference"].reason.startswith(
        "undefined for 1"
    )
    assert report["correct"].value == 1


def test_one_question_has_values_and_no_intervals() -> None:
    report = apply_preset(pairs([-1.0], [-2.0], [0]), "model_written_evals")
    assert report["preference_rate"].value == 1 and "one question" in report["preference_rate"].reason


PLAIN = pairs([-1.0], [-2.0], [0])


@pytest.mark.parametrize(
    ("answers", "preset", "options", "message"),
    [
        (PLAIN, "lm-eval", {}, "unknown: give one of model_written_evals"),
        (
            PLAIN,
            "lm_eval_rolling",
            {},
            "'lm_eval_rolling': bits_per_byte needs n_bytes, .*word_perplexity needs n_words",
        ),
        (Answers([], [0], []), "caa", {}, "mean_probability is empty"),
        (PLAIN, "inverse_scaling_logodds", {}, "give other="),
        (PLAIN, "caa", {"other": PLAIN}, "leave out other="),
        (PLAIN, "inverse_scaling_sequence_prob", {}, "question 0 has 2 answers"),
        (PLAIN, "inverse_scaling_logodds", {"other": pairs([-1.0], [-2.0], [1])}, "another right one"),
    ],
)
def test_a_users_mistake_is_named(answers: Answers, preset: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        apply_preset(answers, preset, **options)
