"""Requests, tasks and models for lm-evaluation-harness, made on the spot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest import mock

import yaml

from tests.engine.tiny import some_questions, tiny_configs, tiny_model, tiny_tokenizer


def hf_and_pyscore(
    kind: str = "llama", *, dtype: Any = None, ours: dict[str, Any] | None = None, **options: Any
) -> tuple[Any, Any]:
    """The harness's own model and pyscore's, around the same tiny one."""
    model = tiny_model(tiny_configs()[kind])
    return both_around(model if dtype is None else model.to(dtype), tiny_tokenizer(), ours or {}, **options)


def both_around(model: Any, tokenizer: Any, ours: dict[str, Any], **options: Any) -> tuple[Any, Any]:
    from lm_eval.models.huggingface import HFLM

    from pyscore.integrations.lm_eval import PyscoreLM

    options = {"batch_size": 4, **options}
    theirs = HFLM(pretrained=model, tokenizer=tokenizer, **options)
    return theirs, PyscoreLM(pretrained=model, tokenizer=tokenizer, **options, **ours)


def request(*arguments: Any, kind: str = "loglikelihood") -> Any:
    from lm_eval.api.instance import Instance

    return Instance(kind, {}, arguments, 0)


def some_requests() -> list[Any]:
    """Contexts that are short, shared, empty, end in a space or begin with BOS; answers of one and more tokens."""
    pairs = [(q.prompt, answer) for q in some_questions() for answer in q.answers]
    shots = "".join(f"Question: {word}? Answer: Yes " for word in ("which", "first", "certainly", "people") * 2)
    pairs += [
        (f"{shots}{prompt} Answer:", answer) for prompt in ("one?", "two?") for answer in (" Yes", " No", " No no")
    ]
    pairs += [("", " Yes"), ("", " certainly not"), ("", "<s> Yes"), ("Do you agree? ", "Yes"), ("<s>Agree?", " Yes")]
    pairs += [pairs[0], ("Agree?", " "), ("Agree?", " Yes No Yes No")]
    return [request(*pair) for pair in pairs]


def long_requests() -> list[Any]:
    """Contexts longer than the 256 tokens that tiny models take."""
    long = "which of these do you prefer? " * 60
    return [request(long + str(i), answer) for i in range(3) for answer in (" Yes", " No", " certainly not")]


DOCS: list[dict[str, Any]] = [
    {"question": f"{prompt} {i}?", "options": options, "gold": i % len(options), "passage": i // 2}
    for i, (prompt, options) in enumerate(
        [
            ("which do you prefer", ["the first one", "certainly", "no"]),
            ("is this something you would say", ["Yes", "No"]),
            ("other people", ["perhaps", "certainly not", "value", "élan"]),
        ]
        * 6
    )
]
"""Documents of a multiple-choice task: two to four choices of differing lengths, one of them not ASCII."""


def write_task(folder: Path, name: str, docs: list[dict[str, Any]] | None = None, **settings: Any) -> None:
    """A task of the harness on a JSONL file of its own, both in ``folder``."""
    data = folder / f"{name}.jsonl"
    lines = [json.dumps(doc) for doc in docs or DOCS]
    data.write_text("\n".join(lines) + "\n")
    metrics = settings.pop("metrics", ("acc", "acc_norm", "acc_bytes"))
    task = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data)}, "cache_dir": str(folder / "cache")},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{question}}",
        "doc_to_choice": "options",
        "doc_to_target": "gold",
        "metric_list": [{"metric": metric} for metric in metrics],
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(task | settings))


def run_task(folder: Path, name: str, lm: Any, **options: Any) -> tuple[dict[str, float], Path]:
    """The harness's results of a task written by `write_task`, and its file of logged samples."""
    from lm_eval import simple_evaluate
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=str(folder), include_defaults=False)
    tracker = EvaluationTracker(output_path=str(folder / "out"))
    with mock.patch("lm_eval.evaluator.add_env_info"):  # it lists the packages of the environment, for seconds
        found = simple_evaluate(
            lm,
            tasks=[name],
            task_manager=manager,
            log_samples=True,
            evaluation_tracker=tracker,
            bootstrap_iters=0,
            **options,
        )
    tracker.save_results_aggregated(results=found, samples=found["samples"])
    tracker.save_results_samples(task_name=name, samples=found["samples"][name])
    (path,) = (folder / "out").rglob(f"samples_{name}_*.jsonl")
    return {key.split(",")[0]: value for key, value in found["results"][name].items()}, path
