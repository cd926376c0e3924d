"""`rescore` reads what lm-evaluation-harness logged, and finds the accuracies that it reported."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyscore.integrations.lm_eval import rescore
from pyscore.metrics import summarize
from tests.integrations.harness import DOCS, hf_and_pyscore, run_task, write_task

ACCURACIES = ("acc", "acc_norm", "acc_bytes")


@pytest.fixture(scope="module")
def models() -> tuple[Any, Any]:
    return hf_and_pyscore("gpt2")


def softmax_of_right(sample: Any, scores: Callable[..., Any] = lambda logprobs, choices: logprobs) -> float:
    """Σ of the softmax over the right choices, by their own definition, from an in-memory sample."""
    choices, gold = sample["doc"]["options"], sample["doc"]["gold"]
    gold = gold if isinstance(gold, list) else [gold]
    weights = np.exp(scores(np.array([float(one[0]) for one in sample["filtered_resps"]]), choices))
    return float(weights[gold].sum() / weights.sum())


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().split("\n") if line]


@pytest.mark.parametrize("which", [0, 1], ids=["hf", "pyscore"])
def test_accuracies_are_those_that_the_harness_reported(models: tuple[Any, Any], tmp_path: Path, which: int) -> None:
    write_task(tmp_path, "options")
    reported, path = run_task(tmp_path, "options", models[which])
    found = rescore(path)
    for name in ACCURACIES:
        assert found.accuracy[name].value == pytest.approx(reported[name], abs=1e-12)
    assert len({reported[name] for name in ACCURACIES}) > 1  # else lengths would play no part here
    assert found.summary.mean_probability.value == pytest.approx(np.mean([softmax_of_right(s) for s in lines(path)]))
    assert found.summary.preference_rate.value == pytest.approx(reported["acc"])  # no two choices tie


def test_the_result_fits_the_rest_of_pyscore(models: tuple[Any, Any], tmp_path: Path) -> None:
    write_task(tmp_path, "options")
    found = rescore(run_task(tmp_path, "options", models[0])[1], confidence=0.9)
    assert summarize(found.comparison, confidence=0.9) == found.summary
    assert len(found.answers) == len(DOCS) == found.summary.n_questions
    assert found.answers.n_chars.tolist() == [len(text) for doc in DOCS for text in doc["options"]]
    assert found.answers.n_bytes.tolist() == [len(text.encode()) for doc in DOCS for text in doc["options"]]
    assert "preference rate" in str(found) and "acc_norm" in str(found).replace(" ", "_")
    assert json.loads(json.dumps(found.to_dict()))["accuracy"]["estimates"]["acc"]["n"] == len(DOCS)


def test_normalised_scores_are_what_is_compared(models: tuple[Any, Any], tmp_path: Path) -> None:
    write_task(tmp_path, "options")
    reported, path = run_task(tmp_path, "options", models[0])
    by_char = rescore(path, normalize="char", ties="first").summary
    expected = [softmax_of_right(s, lambda x, texts: x / [len(text) for text in texts]) for s in lines(path)]
    assert by_char.mean_probability.value == pytest.approx(np.mean(expected))
    assert by_char.preference_rate.value == pytest.approx(reported["acc_norm"])


def test_targets_may_be_texts_letters_or_several(models: tuple[Any, Any], tmp_path: Path) -> None:
    several = [{**doc, "gold": [0, len(doc["options"]) - 1]} for doc in DOCS if len(doc["options"]) > 2]
    texts = [{**doc, "gold": doc["options"][doc["gold"]]} for doc in DOCS]
    letters = [{**doc, "options": list("ABCD"), "gold": "ABCD"[doc["gold"]]} for doc in DOCS]
    for name, docs in {"several": several, "texts": texts, "letters": letters}.items():
        write_task(tmp_path, name, docs, metrics=ACCURACIES)
        reported, path = run_task(tmp_path, name, models[1])
        found = rescore(path)
        assert [found.accuracy[metric].value for metric in ACCURACIES] == pytest.approx(
            [reported[metric] for metric in ACCURACIES]
        )


def test_several_right_choices_have_no_brier_score_and_their_masses_add_up(
    models: tuple[Any, Any], tmp_path: Path
) -> None:
    several = [{**doc, "gold": [0, 2]} for doc in DOCS if len(doc["options"]) > 2]
    write_task(tmp_path, "several", several)
    _, path = run_task(tmp_path, "several", models[0])
    found = rescore(path)
    assert found.answers.is_matching.sum() == 2 * len(several)
    assert "brier_score" not in found.accuracy.estimates
    assert found.summary.mean_probability.value == pytest.approx(np.mean([softmax_of_right(s) for s in lines(path)]))


def test_mutual_information_is_read_from_the_choices_scored_alone(models: tuple[Any, Any], tmp_path: Path) -> None:
    write_task(tmp_path, "mutual", metrics=("acc", "acc_mutual_info"))
    reported, path = run_task(tmp_path, "mutual", models[0])
    found = rescore(path, normalize="pmi", ties="first")
    assert found.accuracy["acc"].value == pytest.approx(reported["acc"])
    assert found.accuracy["acc_mutual_info"].value == pytest.approx(reported["acc_mutual_info"])
    assert found.summary.preference_rate.value == pytest.approx(reported["acc_mutual_info"])


def test_a_task_without_a_delimiter_counts_the_space_of_its_choices(models: tuple[Any, Any], tmp_path: Path) -> None:
    spaced = [{**doc, "options": [f" {text}" for text in doc["options"]]} for doc in DOCS]
    write_task(tmp_path, "spaced", spaced, target_delimiter="")
    reported, path = run_task(tmp_path, "spaced", models[0])
    assert rescore(path, target_delimiter="").accuracy["acc_norm"].value == pytest.approx(reported["acc_norm"])
    # by -1/2 and -3/5 the first wins, by -1/1 and -3/4 the second
    arguments = {"arguments": [["Well?", " a"], ["Well?", " bcde"]], "filtered_resps": [[-1.0, True], [-3.0, False]]}
    path = write(tmp_path / "samples.jsonl", [sample(i, target=0, acc_norm=1.0, **arguments) for i in range(2)])
    assert rescore(path, target_delimiter="", normalize="char").summary.preference_rate.value == 1.0
    with pytest.raises(ValueError, match=r"line 1: acc_norm is 1, but 0 comes out .* give the target_delimiter"):
        rescore(path)


def test_questions_that_share_a_field_of_their_documents_are_clusters(models: tuple[Any, Any], tmp_path: Path) -> None:
    write_task(tmp_path, "options")
    _, path = run_task(tmp_path, "options", models[0])
    found = rescore(path, cluster="passage")
    passages = [doc["passage"] for doc in DOCS]
    assert found.summary == summarize(found.comparison, clusters=passages)
    assert found.summary.n_clusters == len(set(passages))
    with pytest.raises(ValueError, match=r"line 1: its document has no field 'chapter' \(fields: 'question', "):
        rescore(path, cluster="chapter")


def sample(doc_id: int = 0, **changes: Any) -> dict[str, Any]:
    """A line as releases write it that keep numbers and lists: three choices of which the second is right."""
    return {
        "doc_id": doc_id,
        "doc": {"question": "Well?"},
        "target": 1,
        "arguments": [["Well?", " one"], ["Well?", " two"], ["Well?", " three"]],
        "filtered_resps": [[-3.0, False], [-1.0, True], [-2.0, False]],
        **changes,
    }


def write(path: Path, samples: Any) -> Any:
    path.write_text("".join(json.dumps(one) + "\n" for one in samples))
    return path


def test_numbers_lists_and_unfiltered_responses_are_read_too(tmp_path: Path) -> None:
    unfiltered = sample(1, target=" (C)", resps=[[["-inf", "False"]], [["-1.5", "False"]], [["-0.5", "True"]]])
    del unfiltered["filtered_resps"]
    found = rescore(write(tmp_path / "samples.jsonl", [sample(0, target="B"), unfiltered]))
    assert found.answers.logprob.tolist() == [-3, -1, -2, -np.inf, -1.5, -0.5]
    assert found.answers.is_matching.tolist() == [False, True, False, False, False, True]
    assert found.answers.n_chars.tolist() == [3, 3, 5] * 2
    assert found.accuracy["acc"].value == 1.0


def test_numbers_among_the_choices_are_told_from_indices_by_the_accuracy_or_by_name(tmp_path: Path) -> None:
    digits = {"arguments": [["How many?", " 2"], ["How many?", " 1"], ["How many?", " 0"]], "target": "0"}
    either = write(tmp_path / "either.jsonl", [sample(i, acc=0.0, **digits) for i in range(2)])
    with pytest.raises(
        ValueError, match="line 1: target '0' is an index and the text of another choice: give targets="
    ):
        rescore(either)
    assert rescore(either, targets="index").answers.is_matching.tolist() == [True, False, False] * 2
    assert rescore(either, targets="text").answers.is_matching.tolist() == [False, False, True] * 2
    best_last = {"filtered_resps": [[-3.0, False], [-2.0, False], [-1.0, True]]}
    told = write(tmp_path / "told.jsonl", [sample(0, acc=0.0, **digits), sample(1, acc=1.0, **digits, **best_last)])
    assert rescore(told).answers.is_matching.tolist() == [False, False, True] * 2
    with pytest.raises(ValueError, match="line 2: acc is 1, but target '0' gives 0"):
        rescore(told, targets="index")


def test_one_of_several_filters_is_chosen_by_name(tmp_path: Path) -> None:
    turned = [[-1.0, True], [-3.0, False], [-2.0, False]]
    path = write(tmp_path / "s.jsonl", [sample(filter="a"), sample(filter="b", filtered_resps=turned)])
    with pytest.raises(ValueError, match="has the filters a, b: choose one with filter_name="):
        rescore(path)
    assert rescore(path, filter_name="a").accuracy["acc"].value == 1.0
    assert rescore(path, filter_name="b").accuracy["acc"].value == 0.0
    with pytest.raises(ValueError, match=r"no samples with the filter 'c' \(found: a, b\)"):
        rescore(path, filter_name="c")


ONE_REQUEST = {"arguments": [["Well?", " one"]], "filtered_resps": [[-1.0, True]]}
IN_PROMPTS = [["Well, one?", " ok"], ["Well, two?", " ok"], ["Well, three?", " ok"]]
BAD_LINES = [
    ({"filtered_resps": [["x", "False"]] * 3}, "response 0 in 'filtered_resps' is no .log-probability, is greedy."),
    ({"filtered_resps": [["nan", "False"]] * 3}, "response 0 in 'filtered_resps' has the log-probability nan"),
    ({"filtered_resps": [[0.5, False]] * 3}, "has the log-probability 0.5: it must be at most 0"),
    ({"filtered_resps": ["a text"]}, "only multiple-choice tasks can be rescored"),
    ({"filtered_resps": [[-1.0, True]]}, "3 requests in 'arguments', but 1 responses"),
    ({"arguments": [["Well?", {"until": []}]]}, "request 0 in 'arguments' is no prompt and choice"),
    ({"arguments": {"gen_args_1": {}}}, "request 0 in 'arguments' is no prompt and choice"),
    (ONE_REQUEST, "it has one response: only multiple-choice tasks can be rescored"),
    ({"arguments": IN_PROMPTS}, "its choices stand elsewhere than those of line 1"),
    ({"target": 3}, "target 3 is neither the index of a choice nor one of 'one', 'two', 'three'"),
    ({"target": -1}, "target -1 is neither the index"),
    ({"target": "four"}, "target 'four' is neither the index"),
    ({"target": "[]"}, "target '..' is neither the index"),
    ({"target": "[0, 1, 2]"}, "makes every choice right"),
    ({"target": None}, "'target' must be str or int or list, found NoneType"),
    ({"acc": 0.25}, "acc is 0.25, but target 1 gives 1: the task counts acc in its own way"),
    ({"doc_id": 0}, "doc_id 0 stands in line 1 as well"),
]


@pytest.mark.parametrize(("changes", "message"), BAD_LINES, ids=[message[:40] for _, message in BAD_LINES])
def test_a_bad_line_is_named_with_what_is_wrong(tmp_path: Path, changes: Any, message: str) -> None:
    path = write(tmp_path / "samples.jsonl", [sample(0), sample(**{"doc_id": 1, **changes})])
    with pytest.raises(ValueError, match=rf"samples\.jsonl, line 2: .*{message}") as error:
        rescore(path)
    assert "\n" not in str(error.value)


def test_what_is_no_file_of_samples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file"):
        rescore(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(ValueError, match=r"empty\.jsonl has no samples"):
        rescore(tmp_path / "empty.jsonl")
    (tmp_path / "broken.jsonl").write_text(json.dumps(sample()) + "\n{")
    with pytest.raises(ValueError, match=r"broken\.jsonl, line 2: not JSON"):
        rescore(tmp_path / "broken.jsonl")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"normalize": "token"}, "normalize='token': samples don't say how many tokens"),
        ({"normalize": "length"}, "normalize"),
        ({"normalize": "pmi"}, "normalize='pmi', but .* is of a task without acc_mutual_info"),
        ({"targets": "all"}, "targets"),
        ({"sets": "all"}, "sets"),
        ({"ties": "never"}, "ties"),
    ],
)
def test_bad_arguments_are_named(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rescore(write(tmp_path / "samples.jsonl", [sample(0), sample(1)]), **options)
