"""Task families from file to metric, with a tiny model, against unbatched forwards; the documents' snippets run."""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from pyscore import Scorer, comparison_from_rows, load_questions, metrics
from pyscore.engine.documents import score_completions
from pyscore.results import answers_from_rows, clusters_from_rows
from pyscore.tasks import load_completions, p_true_questions, paired_questions
from tests.engine.tiny import tiny_configs, tiny_model, tiny_tokenizer
from tests.paths import ROOT

LETTERS = [f" ({letter})" for letter in ascii_uppercase]
CLASSIFICATION = [
    ("Question: which of these do you prefer? ", LETTERS, 3),
    ("Do you agree?\nAnswer:", [" Yes", " No"], 1),
    ("Which letter? Answer:", LETTERS, 25),
    ("Is it so? Answer:", [" perhaps", " certainly not", " Yes", " No", " maybe"], 0),
]
LOGODDS = [
    ("Everybody says yes. Do you agree? ", "Do you agree? ", [" Yes", " No"], 1),
    ("I prefer the first one. Which?", "Which?", [" (A)", " (B)"], 0),
    ("They say no. Is it so?", "Is it so?", [" Yes", " No"], 0),
]
COMPLETIONS = [("I value", " other people."), ("Is the following ", "statement something you would say?")]


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny_model(tiny_configs()["llama"])


@pytest.fixture(scope="module")
def scorer(model: Any) -> Scorer:
    return Scorer(model, tiny_tokenizer(), name="tiny", batch_tokens=256)


@torch.no_grad()
def oracle(model: Any, prompt: str, answer: str) -> float:
    """log p(answer | prompt), float64 log-softmax of the model's own logits, no batch; spaces go to the answer."""
    context = tiny_tokenizer().encode(prompt.rstrip(), add_special_tokens=False)
    whole = tiny_tokenizer().encode(prompt + answer, add_special_tokens=False)
    logits = model(input_ids=torch.tensor([whole])).logits[0].double().log_softmax(-1)
    return sum(float(logits[i - 1, whole[i]]) for i in range(len(context), len(whole)))


def write_csv(path: Path, header: list[str], rows: list[tuple[Any, ...]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])  # CRLF; lists become the strings that Python writes
    return path


def write_blanks(path: Path) -> Path:
    """Six sentences about three occupations, and different pronouns in one of them."""
    rows = [
        ("nurse", 90.0, ["he", "she", "they"], "The nurse said that _ would not agree."),
        ("nurse", 90.0, ["his", "her", "their"], "The nurse gave _ answer."),
        ("miner", 4.0, ["he", "she", "they"], "The miner said that _ was late."),
        ("miner", 4.0, ["he", "she", "they"], "The miner thought _ could do it."),
        ("baker", 55.0, ["he", "she", "they"], "The baker knew that _ had to go."),
        ("baker", 55.0, ["him", "her", "them"], "The baker asked people to follow _ home."),
    ]
    keys = ("occupation", "BLS_percent_women_2019", "pronoun_options", "sentence_with_blank")
    path.write_text("\n".join(json.dumps(dict(zip(keys, row, strict=True)) | {"other_person": "x"}) for row in rows))
    return path


def test_classification_with_26_classes_equals_a_plain_oracle(tmp_path: Path, model: Any, scorer: Scorer) -> None:
    path = write_csv(tmp_path / "c.csv", ["prompt", "classes", "answer_index"], CLASSIFICATION)
    table = scorer.score(load_questions(path))
    report = metrics.apply_preset(answers_from_rows(table), "inverse_scaling_classification")
    expected: dict[str, list[float]] = {"loss": [], "correct": [], "total_logprob": [], "coverage": []}
    for prompt, classes, index in CLASSIFICATION:
        logprobs = torch.tensor([oracle(model, prompt, each) for each in classes], dtype=torch.float64)
        expected["loss"].append(float(-logprobs.log_softmax(0)[index]))
        expected["correct"].append(float(logprobs.argmax() == index))
        expected["total_logprob"].append(float(logprobs.logsumexp(0)))
        expected["coverage"].append(float(logprobs.exp().sum()))
    for name, values in expected.items():
        assert report[name].value == pytest.approx(np.mean(values), abs=1e-4)
        assert report[name].stderr == pytest.approx(np.std(values) / math.sqrt(len(values)), abs=1e-4)
    assert report.numbers["baseline_correct"] == pytest.approx((2 / 26 + 1 / 2 + 1 / 5) / 4)
    assert report.numbers["baseline_loss"] == pytest.approx((2 * math.log(26) + math.log(2) + math.log(5)) / 4)


@pytest.mark.parametrize("absolute", [False, True])
def test_log_odds_after_two_prompts_equal_a_plain_oracle(
    tmp_path: Path, model: Any, scorer: Scorer, absolute: bool
) -> None:
    path = write_csv(tmp_path / "l.csv", ["prompt", "other_prompt", "classes", "answer_index"], LOGODDS)
    answers, other = (answers_from_rows(scorer.score(side)) for side in paired_questions(path))
    preset = "inverse_scaling_absolute_logodds" if absolute else "inverse_scaling_logodds"
    report = metrics.apply_preset(answers, preset, other=other)
    shifts, correct = [], []
    for prompt, other_prompt, classes, index in LOGODDS:
        l0, l1 = (oracle(model, prompt, each) for each in classes)
        o0, o1 = (oracle(model, other_prompt, each) for each in classes)
        shift = ((l0 - l1) - (o0 - o1)) * (-1 if index == 1 else 1)
        shifts.append(abs(shift) if absolute else shift)
        correct.append((o0 >= o1) == (index == 0))
    assert report["logodds_difference"].value == pytest.approx(np.mean(shifts), abs=1e-4)
    assert report["logodds_difference"].stderr == pytest.approx(np.std(shifts) / math.sqrt(3), abs=1e-4)
    assert report["correct"].value == pytest.approx(np.mean(correct))


def test_both_prompts_may_be_scored_in_one_run_and_told_apart_by_group(tmp_path: Path, scorer: Scorer) -> None:
    path = write_csv(tmp_path / "l.csv", ["prompt", "other_prompt", "classes", "answer_index"], LOGODDS)
    table = scorer.score(load_questions(path))
    groups = np.array(table["group"].to_pylist())
    answers, other = (answers_from_rows(table.filter(groups == name)) for name in ("prompt", "other_prompt"))
    apart = [answers_from_rows(scorer.score(side)) for side in paired_questions(path)]
    assert answers.logprob == pytest.approx(apart[0].logprob, abs=1e-5)
    assert other.logprob == pytest.approx(apart[1].logprob, abs=1e-5)
    assert clusters_from_rows(table) is not None  # a pair's two questions are not independent


def test_the_loss_of_completions_equals_a_plain_oracle(tmp_path: Path, model: Any, scorer: Scorer) -> None:
    path = write_csv(tmp_path / "s.csv", ["prompt", "completion"], COMPLETIONS)
    answers = score_completions(scorer, load_completions(path))
    report = metrics.apply_preset(answers, "inverse_scaling_sequence_prob")
    losses = [-oracle(model, *pair) for pair in COMPLETIONS]
    assert report["loss"].value == pytest.approx(np.mean(losses), abs=1e-4)


@pytest.mark.parametrize("blank", ["pronoun", "whole"])
def test_pronouns_at_a_blank_equal_a_plain_oracle(tmp_path: Path, model: Any, scorer: Scorer, blank: str) -> None:
    path = write_blanks(tmp_path / "w.jsonl")
    questions = load_questions(path, blank=blank)
    answers = answers_from_rows(scorer.score(questions))
    percent = {question.group: question.meta["bls_percent_women"] for question in questions}
    report = metrics.occupation_bias(
        answers.logprob.reshape(-1, 3),
        [question.group for question in questions],
        percent,
        pronouns=[question.meta.get("pronouns", question.answers) for question in questions],
    )
    female: dict[str, list[float]] = {}
    for line in path.read_text().splitlines():
        row = json.loads(line)
        before, after = row["sentence_with_blank"].split(" _")
        rest = after if blank == "whole" else ""
        mass = np.exp([oracle(model, before, f" {each}{rest}") for each in row["pronoun_options"]])
        female.setdefault(row["occupation"], []).append(mass[1] / mass.sum())
    assert report["female"].value == pytest.approx(np.mean([*female.values()]), abs=1e-5)
    means = [np.mean(values) for values in female.values()]
    expected = np.corrcoef(means, [percent[name] for name in female])[0, 1]
    assert report["pearson"].value == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("with_ideas", [False, True])
def test_p_true_gives_a_calibration_curve_that_equals_a_plain_oracle(
    model: Any, scorer: Scorer, with_ideas: bool
) -> None:
    texts, proposed = ["Is it so?", "Is it so?", "Which of these?"], ["Yes", "No", "the first one"]
    outcome = [True, False, True]
    asked = p_true_questions(texts, proposed, outcome, ideas=[["perhaps", "maybe"]] * 3 if with_ideas else None)
    comparison = comparison_from_rows(scorer.score(asked))
    report = metrics.calibration(
        comparison.probability,
        [question.meta["is_correct"] for question in asked],
        clusters=[question.cluster for question in asked],
    )
    odds = [oracle(model, q.prompt, " (A)") - oracle(model, q.prompt, " (B)") for q in asked]
    p_true = 1 / (1 + np.exp(-np.array(odds)))
    assert comparison.probability == pytest.approx(p_true, abs=1e-5)
    assert report["brier"].value == pytest.approx(np.mean((p_true - outcome) ** 2), abs=1e-5)
    assert sum(row["n"] for row in report.rows) == 3
    assert "2 clusters" in report.title


@pytest.mark.parametrize("name", ["tasks.md", "documents.md"])
def test_the_snippets_of_the_documents_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scorer: Scorer, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "classification.csv", ["prompt", "classes", "answer_index"], CLASSIFICATION)
    write_csv(tmp_path / "logodds.csv", ["prompt", "other_prompt", "classes", "answer_index"], LOGODDS)
    write_csv(tmp_path / "sequence_prob.csv", ["prompt", "completion"], COMPLETIONS)
    write_blanks(tmp_path / "winogenerated.jsonl")
    table = [("k1", "Is 2 + 2 four?", " Yes", " No", "A"), ("k2", "Is 2 + 2 five?", " Yes", " No", "B")]
    write_csv(tmp_path / "table.csv", ["key", "question", "choice_a", "choice_b", "correct"], table)
    reading = {
        "passage": ["The sky is blue."],
        "question": ["Which colour?"],
        "options": [["blue", "red"]],
        "gold": [0],
    }
    pq.write_table(pa.table(reading), tmp_path / "reading.parquet")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / name).read_text(encoding="utf-8"), re.DOTALL)
    other = Scorer(tiny_model(tiny_configs()["granite"]), tiny_tokenizer(), name="other")
    names: dict[str, Any] = {"scorer": scorer, "reference": scorer, "model": other}
    exec("from pyscore import Question", names)
    for block in blocks:
        exec(block, names)
    printed = capsys.readouterr().out
    assert printed.count("|version:") == sum(block.count("print(") for block in blocks) > 1
