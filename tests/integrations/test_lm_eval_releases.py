"""Samples of every release of lm-evaluation-harness are read, and tasks whose target doesn't say what is right."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyscore.integrations.inspect_scores import question_scores as inspect_scores
from pyscore.integrations.lm_eval import rescore
from pyscore.integrations.lm_eval_scores import question_scores
from pyscore.results import compare_runs
from tests.integrations.harness import hf_and_pyscore, run_task, write_task
from tests.integrations.test_lm_eval_samples import sample, write
from tests.paths import ORACLES, needs_oracles

WINO = ["allenai is a name that Ann", "allenai is a name that Bob Lee"]


def wino(doc_id: int, answer: str | None = "1", **changes: Any) -> dict[str, Any]:
    """As WinoGrande's samples are: the options stand in the prompts, and one text follows both."""
    doc = {"sentence": "allenai is a name that _ likes.", "option1": "Ann", "option2": "Bob Lee"}
    return {
        "doc_id": doc_id,
        "doc": doc | ({} if answer is None else {"answer": answer}),
        "target": "likes.",
        "arguments": {f"gen_args_{i}": {"arg_0": text, "arg_1": " likes."} for i, text in enumerate(WINO)},
        "filtered_resps": [["-3.0", "False"], ["-1.0", "True"]],
        "filter": "none",
        **changes,
    }


def test_an_array_under_jsonl_is_read_as_lines_are(tmp_path: Path) -> None:
    samples = [sample(i, acc=1.0) for i in range(3)]
    array = tmp_path / "pretrained=a_task.jsonl"
    array.write_text("\ufeff\n " + json.dumps(samples, indent=2, ensure_ascii=False))
    assert rescore(array).summary == rescore(write(tmp_path / "lines.jsonl", samples)).summary
    array.write_text(json.dumps([sample(0), sample(1, target=7)]))
    with pytest.raises(ValueError, match=r"pretrained=a_task\.jsonl, element 2: target 7 is neither the index"):
        rescore(array)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "element 1: a JSON object is needed, found int"),
        ('[{"a": 1}, }', r"element 1: the key 'arguments' is missing"),
        ("[\n", "breaks off after element 0: the array has no ]"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "has no samples"),
    ],
)
def test_a_damaged_array_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.jsonl").write_text(text)
    with pytest.raises(ValueError, match=rf"a\.jsonl.*{message}"):
        rescore(tmp_path / "a.jsonl")


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("read", [rescore, question_scores, inspect_scores])
def test_a_file_of_results_is_told_from_one_of_samples(tmp_path: Path, read: Any, indent: int | None) -> None:
    path = tmp_path / "results_2026.json"
    path.write_text(json.dumps({"results": {"arc_easy": {"acc,none": 0.5}}, "versions": {}}, indent=indent))
    with pytest.raises(ValueError, match=r"results_2026\.json is a file of lm-evaluation-harness's results, .* name"):
        read(path)


def test_choices_in_the_prompts_are_told_apart_by_the_document_and_checked_by_acc(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", [wino(0, "1", acc=0.0), wino(1, "2", acc=1.0), wino(2, "1", acc=0.0)])
    found = rescore(path)
    assert found.answers.is_matching.tolist() == [True, False, False, True, True, False]
    assert found.accuracy["acc"].value == pytest.approx(1 / 3)
    share = np.exp([-1, -3]) / np.exp([-1, -3]).sum()
    assert found.summary.mean_probability.value == pytest.approx((2 * share[1] + share[0]) / 3)
    assert question_scores(path).answers.texts.to_pylist() == ["Ann", "Bob Lee"] * 3
    with pytest.raises(ValueError, match=r"normalize='char', but .* doesn't hold the choices by themselves"):
        rescore(path, normalize="char")


def test_of_two_choices_in_prompts_acc_alone_tells_the_right_one(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", [wino(0, None, acc=0.0), wino(1, None, acc=1.0)])
    assert rescore(path).answers.is_matching.tolist() == [True, False, False, True]


def test_choices_in_prompts_that_nothing_tells_apart_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"line 1: its 2 choices stand in the prompts .*no field of its document"):
        rescore(write(tmp_path / "s.jsonl", [wino(0, None)]))
    ambiguous = write(tmp_path / "a.jsonl", [wino(i, "1") for i in range(2)])
    with pytest.raises(
        ValueError, match=r"'answer' read as index and 'answer' read as number name different ones: give"
    ):
        rescore(ambiguous)
    assert rescore(ambiguous, targets="number").answers.is_matching.tolist() == [True, False] * 2
    assert rescore(ambiguous, targets="index").answers.is_matching.tolist() == [False, True] * 2
    with pytest.raises(ValueError, match="no field of its document that fits acc"):
        rescore(write(tmp_path / "w.jsonl", [wino(0, "1", acc=1.0)]), targets="number")
    both = {"gen_args_0": {"arg_0": "a", "arg_1": "b"}, "gen_args_1": {"arg_0": "c", "arg_1": "d"}}
    with pytest.raises(ValueError, match="line 1: its requests differ in their prompts and in what follows them"):
        rescore(write(tmp_path / "b.jsonl", [wino(0, arguments=both)]))


def test_the_harness_own_samples_with_choices_in_prompts_have_its_accuracy(tmp_path: Path) -> None:
    docs = [
        {"options": [f"{a} {i} which", f"{b} {i} which"], "answer": str(1 + i % 2), "text": "first one"}
        for i, (a, b) in enumerate([("people", "certainly"), ("Yes", "No"), ("value", "other")] * 4)
    ]
    task = {"doc_to_text": "{{answer|int - 1}}", "doc_to_target": "text", "metrics": ("acc",)}
    write_task(tmp_path, "inprompts", docs, **task)
    reported, path = run_task(tmp_path, "inprompts", hf_and_pyscore("gpt2")[1])
    found = rescore(path)
    assert found.accuracy["acc"].value == pytest.approx(reported["acc"])
    matching = [doc["answer"] == str(k) for doc in docs for k in (1, 2)]
    assert found.answers.is_matching.tolist() == matching


def mc2(doc_id: int, logprobs: list[float], labels: list[int], **changes: Any) -> dict[str, Any]:
    choices = [f"answer {i}" for i in range(len(labels))]
    targets = {"mc1_targets": {"choices": choices[:2], "labels": [1, 0]}}
    targets["mc2_targets"] = {"choices": choices, "labels": labels}
    return sample(
        doc_id,
        doc={"question": "Well?", **targets},
        target="0",
        arguments=[["Well?", f" {choice}"] for choice in choices],
        filtered_resps=[[x, False] for x in logprobs],
        **changes,
    )


def test_labels_of_the_document_name_several_right_choices(tmp_path: Path) -> None:
    questions = [([-3.0, -1.0, -2.0], [1, 0, 1]), ([-1.0, -4.0, -2.0, -2.5], [1, 1, 0, 0])]
    masses = [float(np.exp(x)[np.array(y) == 1].sum() / np.exp(x).sum()) for x, y in questions]
    lines = [mc2(i, x, y, acc=mass) for i, ((x, y), mass) in enumerate(zip(questions, masses, strict=True))]
    found = rescore(write(tmp_path / "mc2.jsonl", lines))
    assert found.answers.is_matching.tolist() == [label == 1 for _, labels in questions for label in labels]
    assert found.summary.mean_probability.value == pytest.approx(np.mean(masses))  # what the harness calls acc there
    lines[1]["acc"] += 0.01
    with pytest.raises(ValueError, match=r"line 2: acc is 0\.\d+, but target '0' gives 1"):
        rescore(write(tmp_path / "other.jsonl", lines))


def written(doc_id: int, texts: tuple[str, ...], logits: tuple[float, ...], truth: Any, **more: str) -> dict[str, Any]:
    prompts = {f"prompt_{i}": f"Question: well?\nAnswer: {text}" for i, text in enumerate(texts)}
    values = {f"logit_{i}": value for i, value in enumerate(logits)}
    return {"doc_id": doc_id, **prompts, **values, "truth": truth, **more}


def write_array(path: Path, values: Any) -> Path:
    path.write_text(json.dumps(values, indent=4))
    return path


def test_what_releases_before_0_4_wrote_out_is_read(tmp_path: Path) -> None:
    path = write_array(
        tmp_path / "arc_easy_write_out_info.json",
        [
            written(0, ("a stone", "a bird"), (-3.0, -1.0), 1, acc="1.0", acc_norm="0.0"),
            written(1, ("yes", "no"), (-3.0, -1.0), 0, acc="False"),
        ],
    )
    texts = [written(1, (" yes", " no"), (-3.0, -1.0), " yes", acc="False")]
    assert rescore(write_array(tmp_path / "boolq_write_out_info.json", texts)).answers.is_matching.tolist() == [
        True,
        False,
    ]
    found = question_scores(path)
    assert found.answers.texts.to_pylist() == ["stone", "bird", "yes", "no"]
    assert found.value("prefers").tolist() == [1.0, 0.0]
    assert found.datasets.to_pylist() == ["arc_easy"] * 2
    assert question_scores(path, task="arc").datasets.to_pylist() == ["arc"] * 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"logit_1": "a text"}, "'logit_1' is no log-probability"),
        ({"logit_1": 0.5}, "'logit_1' is 0.5: a log-probability must be at most 0"),
        ({"logit_1": float("nan")}, "'logit_1' is nan: a log-probability must be at most 0 and not NaN"),
        ({"prompt_1": None}, "'prompt_1' must be str"),
        ({"truth": 5}, "target 5 is neither the index"),
        ({"acc": "1.0"}, "acc is 1, but target 0 gives 0"),
    ],
)
def test_damage_in_what_was_written_out_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    one = written(0, ("a", "b"), (-3.0, -1.0), 0) | changes
    with pytest.raises(ValueError, match=f"element 1: {message}"):
        rescore(write_array(tmp_path / "t_write_out_info.json", [one]))


def test_a_question_with_one_response_or_a_cluster_has_no_place_there(tmp_path: Path) -> None:
    path = write_array(tmp_path / "t_write_out_info.json", [written(0, ("a",), (-3.0,), 0)])
    with pytest.raises(ValueError, match="element 1: it has 1 'logit_<i>': only multiple-choice"):
        rescore(path)
    with pytest.raises(ValueError, match=r"element 1: it has no document, which releases before 0\.4 didn't log"):
        rescore(path, cluster="passage")


@needs_oracles
def test_published_winogrande_log_probs_have_their_published_accuracy(tmp_path: Path) -> None:
    with (ORACLES / "lm_eval_winogrande_5shot_llama13b.csv").open() as file:
        rows = list(csv.DictReader(file))
    lines = [
        written(int(r["doc_id"]), ("Ann", "Bob"), (float(r["logit_0"]), float(r["logit_1"])), int(r["truth"]))
        | {"acc": r["acc"]}
        for r in rows
    ]
    path = write_array(tmp_path / "winogrande_write_out_info.json", lines)
    found = rescore(path)
    assert len(found.answers) == 1267
    assert round(found.accuracy["acc"].value, 4) == 0.7616 and round(found.accuracy["acc"].stderr, 4) == 0.0120
    assert (
        compare_runs(question_scores(path), question_scores(path), names=["a", "b"]).differences[0].n_questions == 1267
    )
