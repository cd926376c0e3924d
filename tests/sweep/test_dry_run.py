"""What a sweep would do is told without loading a checkpoint, and is what it does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pyscore.sweep import tokens
from pyscore.sweep.dry_run import DryRun, dry_run
from pyscore.sweep.study import Dataset, NamedTemplate, Study
from pyscore.sweep.sweeps import FailedUnits, Shard, run
from pyscore.tasks import render
from tests.engine.fake_source import FakeTokenizer
from tests.engine.tiny import tiny_tokenizer
from tests.sweep.fake_models import SOURCE, FileLoader, n_loads, questions_file, small_study

LONG = NamedTemplate("long", "{{ question }} " + "word " * 20)


class Tokenizing(FileLoader):
    """Tells its tokenizer without loading anything; that of "other" is another one."""

    def tokenizer(self, model: Any) -> Any:
        if model.name == "broken":
            raise ValueError("no tokenizer.json")
        return FakeTokenizer()


def study_of(folder: Path, **changes: Any) -> Study:
    study = small_study(folder, **changes)
    source = "tests.sweep.test_dry_run:Tokenizing"
    return replace(study, models=tuple(replace(model, source=source) for model in study.models))


def distinct_prefixes(study: Study) -> int:
    """By brute force: distinct prefixes of all sequences without their last tokens, in each data set and template."""
    tokenizer, total = FakeTokenizer(), 0
    for template in study.templates:
        for dataset in study.datasets:
            found = set()
            for question in dataset.questions:
                prompt = tokenizer.encode(render(template.template, question))
                for answer in question.answers:
                    sequence = [*prompt, *tokenizer.encode(answer)][:-1]
                    found |= {tuple(sequence[: i + 1]) for i in range(len(sequence))}
            total += len(found)
    return total


def reasons(found: DryRun) -> list[dict[str, int]]:
    return [group.reasons for group in found.groups]


def test_nothing_is_loaded_and_nothing_written(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    found = dry_run(study)
    assert (found.n_checkpoints, found.n_cells, found.n_questions) == (3, 12, 72)
    assert found.datasets == {"d0": (7, 6), "d1": (5, 6)}
    assert n_loads(study) == 0 and not Path(study.output).exists()


def test_tokens_are_the_distinct_prefixes_of_every_checkpoint(tmp_path: Path) -> None:
    study = study_of(tmp_path, models=2)
    found = dry_run(study).tokens
    assert (found.distinct, found.is_exact, found.n_checkpoints) == (2 * distinct_prefixes(study), True, 2)


def test_a_data_set_is_tokenised_once_for_all_checkpoints_of_a_tokenizer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyscore import Scorer
    from tests.engine.tiny import tiny_configs, tiny_model

    study = small_study(tmp_path, models=3, templates=(NamedTemplate("plain"),), datasets=(6,))
    folders = []
    for i in range(3):
        folder = tmp_path / f"model{i}"
        tiny_tokenizer().save_pretrained(folder)
        tiny_configs()["llama"].save_pretrained(folder)
        (folder / "model.safetensors").write_text(str(i))
        folders.append(replace(study.models[i], path=str(folder), source="huggingface"))
    study = replace(study, models=tuple(folders))
    calls: list[str] = []
    counted = tokens._distinct

    def counting(*some: Any) -> Any:
        calls.append(some[2].name)
        return counted(*some)

    monkeypatch.setattr(tokens, "_distinct", counting)
    found = dry_run(study).tokens
    scorer = Scorer(tiny_model(tiny_configs()["llama"]), tiny_tokenizer())
    assert found.distinct == 3 * scorer.explain(study.datasets[0].questions).distinct
    assert calls == ["d0"]


def test_many_questions_are_counted_by_a_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = study_of(tmp_path, models=1, datasets=(400,), templates=(LONG,))
    monkeypatch.setattr(tokens, "_COUNTED_QUESTIONS", 100)
    found = dry_run(study).tokens
    assert not found.is_exact
    assert found.distinct == pytest.approx(distinct_prefixes(study), rel=0.1)


def test_tokens_that_can_not_be_told_are_said_so_and_the_others_are(tmp_path: Path) -> None:
    study = study_of(tmp_path, models=3)
    models = (replace(study.models[0], name="broken"), replace(study.models[1], source=SOURCE), study.models[2])
    found = dry_run(replace(study, models=models)).tokens
    assert found.n_checkpoints == 1 and found.distinct == distinct_prefixes(study)
    assert found.unknown == {
        "no tokenizer.json": 1,
        f"the source '{SOURCE}' doesn't give its tokenizer before it is loaded": 1,
    }


def test_a_model_on_the_hub_is_not_downloaded_for_its_tokenizer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small_study(tmp_path, models=1)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    hub = replace(study.models[0], path="nobody/no-such-model", source="huggingface")
    found = dry_run(replace(study, models=(hub,))).tokens
    assert found.unknown == {"the tokenizer is neither on this machine nor in its cache of the model hub": 1}


def test_every_missing_cell_has_a_reason(tmp_path: Path) -> None:
    study = study_of(tmp_path, models=4)
    (tmp_path / "m1").write_text("!no such weights")
    with pytest.raises(FailedUnits):
        run(replace(study, models=study.models[:3]))
    (tmp_path / "m2").write_text("other weights")
    found = dry_run(study)
    assert reasons(found) == [{}, {"failed before": 1}, {"its files or options changed": 1}, {"not scored yet": 1}]
    assert [group.missing for group in found.groups] == [0, 4, 4, 4]
    assert [str(failure) for failure in found.failures] == ["m, step 100: no such weights"]


def test_a_shard_and_those_that_failed_are_told_as_they_would_be_taken(tmp_path: Path) -> None:
    study = study_of(tmp_path, models=4)
    assert dry_run(study, shard=Shard(1, 2)).n_checkpoints == 2
    (tmp_path / "m1").write_text("!no such weights")
    with pytest.raises(FailedUnits):
        run(replace(study, models=study.models[:2]))
    assert dry_run(study, retry_failed=True).n_checkpoints == 1


def test_a_data_set_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    study = replace(study, datasets=(*study.datasets, Dataset("none", (str(tmp_path / "none.jsonl"),))))
    found = dry_run(study)
    assert list(found.unreadable) == ["none"] and found.n_cells == 12
    assert found.datasets["none"] == (0, 0)


def test_time_is_told_by_what_sweeps_of_this_folder_took(tmp_path: Path) -> None:
    from tests.sweep.test_events import logged

    study = study_of(tmp_path, models=2)
    assert dry_run(study).time.seconds is None
    logged(study)
    more = replace(study, datasets=(*study.datasets, Dataset("d2", (questions_file(tmp_path, "d2", 24),))))
    found = dry_run(replace(more, models=(study.models[0], replace(study.models[1], size=2e6))))
    assert found.time.seconds is not None and found.time.seconds > 0
    assert (found.time.n_measured, found.time.n_scaled) == (2, 1)
