"""Samples that lm-evaluation-harness logged are compared as rows are: by document, with the same numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import ttest_rel

from pyscore import paired_difference
from pyscore.integrations.lm_eval import rescore
from pyscore.integrations.lm_eval_scores import question_scores, sample_files
from pyscore.results import compare_runs
from tests.integrations.harness import hf_and_pyscore, run_task, write_task
from tests.integrations.test_lm_eval_samples import sample, write

TIME = "2026-01-01T00-00-00.000001"


def log(folder: Path, seed: int, task: str = "task", n: int = 40, **changes: Any) -> Path:
    """A log of one task, of documents that are the same whatever the seed, and log-probabilities that aren't."""
    draw = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for i in range(n):
        logprobs = (-draw.exponential(1.0, 3) - 0.01).tolist()
        values = {"doc": {"question": f"Well, {i}?", "topic": i // 4}, "target": i % 3}
        lines.append(sample(i, filtered_resps=[[x, False] for x in logprobs], **{**values, **changes}))
    path: Path = write(folder / f"samples_{task}_{TIME}.jsonl", lines)
    return path


def test_differences_are_those_of_what_rescore_reads(tmp_path: Path) -> None:
    paths = [log(tmp_path / f"out/org__model-{seed}", seed) for seed in (1, 2)]
    found = compare_runs(*map(question_scores, paths))
    assert [(run.name, run.kind) for run in found.runs] == [("org/model-1", "lm-eval"), ("org/model-2", "lm-eval")]
    first, other = (rescore(path).comparison for path in paths)
    (each,) = found.differences
    expected = paired_difference(other, first)
    assert each.dataset == "task"
    assert each.mean_probability.difference == expected.mean_probability
    assert each.preference_rate.difference == expected.preference_rate
    assert each.mean_log_odds.p == pytest.approx(ttest_rel(other.log_odds, first.log_odds).pvalue)


def test_a_field_of_the_documents_names_clusters_and_answers_are_compared_by_the_rule_given(tmp_path: Path) -> None:
    paths = [log(tmp_path / f"m{seed}", seed) for seed in (1, 2)]
    runs = [question_scores(path, cluster="topic", normalize="char", ties="first") for path in paths]
    (each,) = compare_runs(*runs).differences
    first, other = (rescore(path, normalize="char", ties="first").comparison for path in paths)
    expected = paired_difference(other, first, clusters=[i // 4 for i in range(40)])
    assert each.n_clusters == 10
    assert each.mean_probability.difference == expected.mean_probability


def test_a_folder_is_one_run_over_its_tasks(tmp_path: Path) -> None:
    for seed in (1, 2):
        for task, n in (("one", 10), ("two_words", 20)):
            log(tmp_path / f"out{seed}/m{seed}", seed, task, n)
    found = compare_runs(*(question_scores(tmp_path / f"out{seed}") for seed in (1, 2)))
    assert [(each.dataset or each.scope, each.n_questions) for each in found.differences] == [
        ("one", 10),
        ("two_words", 20),
        ("pooled", 30),
        ("macro", 30),
    ]
    runs = [question_scores(tmp_path / f"out{seed}", cluster="topic") for seed in (1, 2)]
    assert [each.n_clusters for each in compare_runs(*runs).differences] == [3, 5, 8, 8]


def test_documents_or_choices_that_differ_are_refused_and_prompts_that_differ_are_told(tmp_path: Path) -> None:
    a = question_scores(log(tmp_path / "a", 1))
    other_doc = log(tmp_path / "b", 2, doc={"question": "Another?"})
    with pytest.raises(ValueError, match="question '0' of 'task' is another question in b than in a"):
        compare_runs(a, question_scores(other_doc))
    no_docs = [{k: v for k, v in json.loads(line).items() if k != "doc"} for line in other_doc.read_text().splitlines()]
    changed = [{**line, "arguments": [["Well?", " one"], ["Well?", " two"], ["Well?", " 3"]]} for line in no_docs]
    with pytest.raises(ValueError, match=r"question '0' of 'task' has the answers 'one' \(matching\), 'two', 'three'"):
        compare_runs(a, question_scores(write(tmp_path / "b" / f"samples_task_{TIME}.jsonl", changed)))
    shots = [["Shot. Well?", f" {choice}"] for choice in ("one", "two", "three")]
    found = compare_runs(a, question_scores(log(tmp_path / "c", 2, arguments=shots)))
    assert found.notes == ["the prompts of 40 questions differ between a and c, so this compares prompts as well"]


def test_folders_that_are_no_single_run_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"has no files samples_<task>_<time>\.jsonl: run lm_eval with --log_samples"):
        sample_files(tmp_path / "empty")
    path = log(tmp_path / "out/m1", 1)
    (path.parent / path.name.replace("2026", "2027")).write_text(path.read_text())
    with pytest.raises(ValueError, match="has the task task twice, samples_task_2026"):
        sample_files(tmp_path / "out")
    log(tmp_path / "out/m2", 1)
    with pytest.raises(ValueError, match="has samples in the folders m1, m2: name the one of a single model"):
        sample_files(tmp_path / "out")
    with pytest.raises(FileNotFoundError, match="no such file"):
        sample_files(tmp_path / "none")


def test_a_length_that_samples_dont_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="samples don't say how many tokens"):
        question_scores(log(tmp_path / "m", 1), normalize="token")


def test_logs_of_the_harness_itself_have_the_difference_of_what_it_reported(tmp_path: Path) -> None:
    reported, paths = [], []
    for kind in ("gpt2", "llama"):
        folder = tmp_path / kind
        folder.mkdir()
        write_task(folder, "options")
        accuracies, path = run_task(folder, "options", hf_and_pyscore(kind)[1])
        reported.append(accuracies)
        paths.append(path)
    for normalize, accuracy in (("sum", "acc"), ("char", "acc_norm")):
        runs = [question_scores(path, normalize=normalize, ties="first", cluster="passage") for path in paths]
        found = compare_runs(*runs, names=["gpt2", "llama"])
        (each,) = found.differences
        assert (each.dataset, each.n_clusters, found.notes) == ("options", 9, [])
        assert each.preference_rate.first == pytest.approx(reported[0][accuracy])
        assert each.preference_rate.difference.value == pytest.approx(reported[1][accuracy] - reported[0][accuracy])
