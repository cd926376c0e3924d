"""Multiple-choice logs of inspect have both headline numbers, from the log-probs of their answers' letters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("inspect_ai")
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.log import read_eval_log, write_eval_log
from inspect_ai.model import Logprob, Logprobs, ModelOutput, ModelUsage, TopLogprob, get_model
from inspect_ai.scorer import choice
from inspect_ai.solver import multiple_choice

from pyscore.integrations.inspect_ai import rescore
from pyscore.store import read_rows, write_rows

Top = dict[str, float]


def top(chances: Top) -> list[TopLogprob]:
    return [TopLogprob(token=text, logprob=float(np.log(p))) for text, p in chances.items()]


def output(chances: Top, before: Sequence[str] = ("ANSWER", ":"), after: Sequence[str] = ()) -> ModelOutput:
    """What a model says that gives the likeliest letter, after and before other tokens, with the top log-probs."""
    letter = max(chances, key=lambda text: chances[text])
    tokens = [*before, letter, *after]
    found = ModelOutput.from_content("mockllm/model", "".join(tokens).strip())
    content = [Logprob(token=t, logprob=0.0, top_logprobs=[TopLogprob(token=t, logprob=0.0)]) for t in tokens]
    content[len(before)] = Logprob(token=letter, logprob=float(np.log(chances[letter])), top_logprobs=top(chances))
    found.choices[0].logprobs = Logprobs(content=content)
    found.usage = ModelUsage(input_tokens=7, output_tokens=len(tokens), total_tokens=7 + len(tokens))
    return found


CHANCES: list[Top] = [
    {" A": 0.5, " B": 0.25, " C": 0.125, "A": 0.1},
    {" C": 0.6, " A": 0.2, " The": 0.1, " B": 0.05},
    {" B": 0.7, " C": 0.2, " A": 0.1},
    {" B": 0.4, " A": 0.35, " C": 0.2},
]
TARGETS: list[Any] = ["A", "B", "B", "C"]
SHARES = [0.5 / 0.875, 0.05 / 0.85, 0.7, 0.2 / 0.95]


def log(folder: Path, outputs: list[ModelOutput], format: Any = "eval", targets: Any = None, **options: Any) -> Path:
    samples = [
        Sample(id=f"q{i}", input=f"Well, {i}?", choices=["x", "y", "z"], target=target, metadata={"topic": i // 2})
        for i, target in enumerate(targets or TARGETS[: len(outputs)])
    ]
    model = get_model("mockllm/model", custom_outputs=outputs * options.get("epochs", 1))
    solver = multiple_choice(**options.pop("solver", {}))
    found = eval(
        Task(dataset=samples, solver=solver, scorer=choice()),
        model=model,
        display="none",
        log_dir=str(folder / "logs"),
        log_format=format,
        max_samples=1,
        max_connections=1,
        **options,
    )[0]
    assert found.status == "success", found.error
    return Path(found.location.removeprefix("file://"))


@pytest.mark.parametrize("format", ["eval", "json"])
def test_headline_numbers_are_those_of_the_letters_chances(tmp_path: Path, format: str) -> None:
    path = log(tmp_path, [output(each) for each in CHANCES], format)
    found = rescore(path)
    assert found.summary.mean_probability.value == pytest.approx(np.mean(SHARES))
    assert found.summary.preference_rate.value == 0.5
    assert found.summary.mean_coverage.value == pytest.approx(np.mean([0.875, 0.85, 1.0, 0.95]))
    assert found.rows["answer"].to_pylist()[:3] == [" A", " B", " C"]
    assert found.rows["is_greedy"].to_pylist()[:6] == [True, False, False, False, False, True]


def test_rows_go_where_all_rows_go(tmp_path: Path) -> None:
    found = rescore(log(tmp_path, [output(each) for each in CHANCES]), cluster="topic")
    write_rows(found.rows, tmp_path / "rows.parquet")
    assert read_rows(tmp_path / "rows.parquet").equals(found.rows)
    assert found.summary.n_clusters == 2
    assert found.rows["model"].to_pylist()[0] == "mockllm/model"


def test_the_letter_is_found_wherever_the_answer_stands(tmp_path: Path) -> None:
    outputs = [
        output(CHANCES[0], before=["A", " long", " story", ".\n", "ANSWER", ":"], after=["."]),
        output({text.strip(): p for text, p in CHANCES[1].items() if text != "A"}, before=[]),
        output({text.replace(" ", "Ġ"): p for text, p in CHANCES[2].items()}, before=["ANSWER", ":"]),
    ]
    outputs[2].completion = "ANSWER: B"  # of which the tokens are told in the tokenizer's own spelling
    found = rescore(log(tmp_path, outputs))
    assert found.summary.mean_probability.value == pytest.approx(np.mean(SHARES[:3]))


def test_several_right_letters_are_all_matching(tmp_path: Path) -> None:
    path = log(tmp_path, [output(CHANCES[0])], targets=[["A", "C"]], solver={"multiple_correct": True})
    assert rescore(path).rows["is_matching"].to_pylist() == [True, False, True]


def test_a_drawn_letter_that_is_listed_last_bounds_no_other(tmp_path: Path) -> None:
    drawn = output({" A": 0.45, " The": 0.3, " B": 0.001})
    content = drawn.choices[0].logprobs.content[2]
    content.token, content.logprob = " B", float(np.log(0.001))
    drawn.completion = "ANSWER: B"
    rows = rescore(log(tmp_path, [drawn])).rows
    assert np.exp(rows["logprob"].to_pylist()) == pytest.approx([0.45, 0.001, 1 - 0.751])
    assert rows["is_greedy"].to_pylist() == [True, False, False]


def test_letters_outside_of_the_top_log_probs_have_bounds(tmp_path: Path) -> None:
    few = [output(CHANCES[0]), output({" B": 0.9, " A": 0.05}), output({" B": 0.5, "C": 0.25, " A": 0.24})]
    found = rescore(log(tmp_path, few, targets=["A", "B", "B"]))
    rows = found.rows
    low, high = rows["logprob_low"].to_pylist(), rows["logprob"].to_pylist()
    assert low == [None] * 5 + [-np.inf] + [None] * 2 + [-np.inf]
    assert np.exp(high[5]) == pytest.approx(0.05)  # No likelier than the last one listed, with as much left
    assert np.exp(high[8]) == pytest.approx(0.01)  # No likelier than what is left, " C" not being "C"
    assert not rows["is_greedy"].to_pylist()[5]
    ends = [(0.5 / 0.875, 0.5 / 0.875), (0.9 / 1.0, 0.9 / 0.95), (0.5 / 0.75, 0.5 / 0.74)]
    mean = found.summary.mean_probability
    assert mean.value_low == pytest.approx(np.mean([low for low, _ in ends]))  # type: ignore[attr-defined]
    assert mean.value_high == pytest.approx(np.mean([high for _, high in ends]))  # type: ignore[attr-defined]
    assert found.summary.preference_rate.value == 1.0  # which no bound can change
    write_rows(rows, tmp_path / "rows.parquet")
    assert read_rows(tmp_path / "rows.parquet").equals(rows)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return log(tmp_path_factory.mktemp("two"), [output(CHANCES[0]), output(CHANCES[2])], targets=["A", "B"])


def changed(path: Path, folder: Path, change: Any) -> Path:
    """A copy of the log after a change of its first sample."""
    found = read_eval_log(str(path))
    assert found.samples is not None
    change(found.samples[0])
    write_eval_log(found, str(folder / "changed.eval"))
    return folder / "changed.eval"


def drop_logprobs(sample: Any) -> None:
    sample.output.choices[0].logprobs = None


def drop_top(sample: Any) -> None:
    for each in sample.output.choices[0].logprobs.content:
        each.top_logprobs = None


def positive(sample: Any) -> None:
    sample.output.choices[0].logprobs.content[2].top_logprobs[1].logprob = 0.5


def other_answer(sample: Any) -> None:
    sample.output.completion = "ANSWER: C"


def other_grade(sample: Any) -> None:
    sample.scores["choice"].value = "I"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop_logprobs, "has no log-probs: run inspect with --logprobs --top-logprobs 20"),
        (drop_top, "has log-probs of the tokens that it gave alone: run inspect with --top-logprobs"),
        (positive, "has the log-probability 0.5 of ' B': it must be at most 0"),
        (other_answer, r"has another answer than its log-probs are of.*shuffle"),
        (other_grade, "was graded 'I', but its letter is right"),
        (lambda sample: setattr(sample, "choices", None), "has no choices: only multiple-choice"),
        (lambda sample: setattr(sample, "choices", ["x"] * 27), "has 27 choices, more than there are letters"),
        (lambda sample: setattr(sample, "target", "x"), "has the target 'x': it must be a letter of A to C"),
        (lambda sample: setattr(sample, "target", ["A", "B", "C"]), "makes every choice right"),
    ],
)
def test_a_sample_that_cant_be_read_is_named(two: Path, tmp_path: Path, change: Any, message: str) -> None:
    path = changed(two, tmp_path, change)
    with pytest.raises(ValueError, match=f"the sample 'q0' .*{message}") as error:
        rescore(path)
    assert "\n" not in str(error.value)


def test_an_answer_without_a_letter_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"the sample 'q0' answers 'Apples.*', where no token is a letter of A to C"):
        rescore(log(tmp_path, [output({"Apples": 0.9, "A": 0.1}, before=[])]))


def test_choices_that_the_solver_shuffled_are_refused(tmp_path: Path) -> None:
    path = log(tmp_path, [output(each) for each in CHANCES], solver={"shuffle": True})
    with pytest.raises(ValueError, match=r"shuffled the choices|has another answer than its log-probs are of"):
        rescore(path)


def test_one_of_several_epochs_is_chosen(tmp_path: Path) -> None:
    path = log(tmp_path, [output(CHANCES[0])], epochs=2)
    with pytest.raises(ValueError, match="has the epochs 1, 2: choose one with epoch="):
        rescore(path)
    assert rescore(path, epoch=2).rows.num_rows == 3
    with pytest.raises(ValueError, match="has no epoch 3: it has 1, 2"):
        rescore(path, epoch=3)


def test_what_is_no_log_is_named(two: Path, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"results": {}}))
    with pytest.raises(ValueError, match=r"a\.json is a file of lm-evaluation-harness's results"):
        rescore(tmp_path / "a.json")
    with pytest.raises(FileNotFoundError, match="no such file"):
        rescore(tmp_path / "none.eval")
    with pytest.raises(ValueError, match="has no 'chapter' in its metadata"):
        rescore(two, cluster="chapter")
