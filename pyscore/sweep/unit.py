"""One unit of work: a checkpoint is loaded once, and all of its missing data sets are scored into its runs."""

from __future__ import annotations

import gc
import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pyscore._digest import json_digest
from pyscore.engine.prepared import PreparedRun, prepare_run
from pyscore.engine.run import write_run
from pyscore.results.states import states_of_rows
from pyscore.store import read_run
from pyscore.store.manifest import as_json
from pyscore.store.studies import StudyFolder, run_name
from pyscore.sweep.failures import Failure, note_failures
from pyscore.sweep.grid import Unit, conditions_of, unreadable_datasets
from pyscore.sweep.models import loader_of
from pyscore.sweep.shared_tokens import SharedTokens
from pyscore.sweep.study import Dataset, Model, NamedTemplate, Study

if TYPE_CHECKING:
    import pyarrow as pa

    from pyscore.engine import Scorer
    from pyscore.metrics import Estimate, Summary, SummaryState

__all__ = ["UnitResult", "score_unit"]


_HEADLINE = ("mean_probability", "preference_rate")
_tokens = SharedTokens()
"""Of this process, whose checkpoints mostly have one tokenizer."""


@dataclass(frozen=True)
class UnitResult:
    """What became of a unit.

    Attributes:
        model: the label of the checkpoint.
        failures: what could not be scored.
        n_questions: how many questions ran.
        seconds: loading included.
        states: sums over the questions of each (template, data set), by their names.
        headline: of each of these "n_questions", and "mean_probability" and "preference_rate" with "value", "low" and
            "high", None where it isn't finite: made by the worker, as 150 data sets take 30 ms.
    """

    model: str
    failures: tuple[Failure, ...] = ()
    n_questions: int = 0
    seconds: float = 0.0
    states: Mapping[tuple[str, str], SummaryState] = field(default_factory=dict)
    headline: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)


def score_unit(study: Study, unit: Unit, advance: Callable[[float], None] = lambda _: None) -> UnitResult:
    """Load a checkpoint, score what is missing of it, and note what of it failed in the study's folder.

    Args:
        study: the study that it is of.
        unit: the checkpoint and what is missing.
        advance: hears how many questions more are done; those that were stored count as well.

    Returns:
        What was scored; what of it failed is no error, but named.

    Raises:
        OSError: the storage can't be written, or another process writes the same run. What is stored stays.
    """
    result = _scored(study, unit, advance)
    note_failures(StudyFolder(study.output), study.folder_of(unit.model), result.failures)
    return result


def _scored(study: Study, unit: Unit, advance: Callable[[float], None]) -> UnitResult:
    begun, label = time.perf_counter(), unit.model.label
    try:
        scorer = _load(unit.model)
    except (Exception, SystemExit) as error:  # whatever is wrong with a checkpoint, the others are scored
        return UnitResult(label, (Failure(label, None, None, _line(error)),), seconds=time.perf_counter() - begun)
    failures: list[Failure] = []
    states: dict[tuple[str, str], SummaryState] = {}
    n_questions = 0.0
    try:
        for template, datasets in _widened(study, unit, scorer).datasets(study):
            counted = _Counted(advance)
            try:
                prepared = _prepared(study, scorer, unit.model, template, datasets)
                rows = _score(study, unit, scorer, template, prepared, counted)
            except OSError:
                raise
            except (Exception, SystemExit) as error:  # code that comes with a model may want to end the process
                failures.append(Failure(label, template.name, None, _line(error)))
                continue
            finally:
                n_questions += counted.n
            counted.fill_up(sum(len(each.questions) for each in datasets))
            failures += _skipped(study, label, template, prepared)
            failed = {failure.dataset for failure in failures if failure.template == template.name}
            names = [each.name for each in datasets if each.name not in failed]
            states.update({(template.name, name): state for name, state in _states(rows, names).items()})
    finally:
        del scorer
        _free_memory()
    headline = {names: _headline(state.summarize(study.confidence)) for names, state in states.items()}
    return UnitResult(label, tuple(failures), round(n_questions), time.perf_counter() - begun, states, headline)


def _widened(study: Study, unit: Unit, scorer: Scorer) -> Unit:
    """The unit, or all cells of its checkpoint where the rows of the others aren't of the model as it is loaded now.

    Files that didn't change may be another model all the same, on another device or under other code: cells that seemed
    to be stored belong to it no more once it has rows, and would be missing at the end of a sweep that missed none.
    """
    if unit.held is None:
        return unit
    try:
        settings = _prepared(study, scorer, unit.model, study.templates[0], ()).manifest["settings"]
    except Exception:  # each template then fails, and says why
        return unit
    if conditions_of(as_json(settings)) == unit.held:
        return unit
    unreadable = unreadable_datasets(study)
    names = {each.name: tuple(own.name for own in study.datasets_of(each)) for each in study.templates}
    every = {name: tuple(each for each in own if each not in unreadable) for name, own in names.items()}
    return replace(unit, missing=every)


class _Counted:
    """Counts what runs, and passes it on."""

    def __init__(self, advance: Callable[[float], None]) -> None:
        self.n, self._advance = 0.0, advance

    def __call__(self, more: float) -> None:
        self.n += more
        self._advance(more)

    def fill_up(self, total: int) -> None:
        """Pass on the questions that didn't have to run, too."""
        self._advance(total - self.n)


def _load(model: Model) -> Scorer:
    scorer = loader_of(model.source).load(model)
    scorer.name = model.name
    _tokens.adopt(scorer)
    return scorer


def _prepared(
    study: Study, scorer: Scorer, model: Model, template: NamedTemplate, datasets: Sequence[Dataset]
) -> PreparedRun:
    return prepare_run(
        scorer,
        [question for each in datasets for question in each.questions],
        template=template.template,
        truncate=study.scoring.truncate,
        on_error="skip",  # a data set that can't be scored fails alone, and is reported
        token_logprobs=study.scoring.token_logprobs,
        step=model.step,
        chunk_questions=study.scoring.chunk_questions,
    )


def _score(
    study: Study,
    unit: Unit,
    scorer: Scorer,
    template: NamedTemplate,
    prepared: PreparedRun,
    advance: Callable[[float], None],
) -> pa.Table:
    """Write the run of a checkpoint and a template, and read its rows back."""
    folder = StudyFolder(study.output)
    digest = json_digest([prepared.manifest["settings"], scorer.name])
    path = folder.run_path(f"{study.folder_of(unit.model)}/{run_name(template.name, digest)}")
    arguments: dict[str, Any] = {"model": study.key(unit.model), "template": template.text}
    arguments |= {"stamp": unit.stamp, "opening": unit.opening}
    arguments |= {} if study.argv is None else {"argv": list(study.argv)}
    write_run(scorer, path, prepared, resume=True, keep_others=True, progress=advance, arguments=arguments)
    return read_run(path)


def _skipped(study: Study, label: str, template: NamedTemplate, prepared: PreparedRun) -> list[Failure]:
    """The data sets of which a question can't be scored, unless those are to be left out."""
    if study.scoring.on_error == "skip":
        return []
    found = prepared.skips.found
    counts = Counter(each.dataset for each in found)
    first = {each.dataset: each for each in reversed(found)}
    return [
        Failure(
            label,
            template.name,
            name,
            f"{count} questions can't be scored, the first is {first[name].question_id!r}: {first[name].reason}",
        )
        for name, count in counts.items()
    ]


def _states(rows: pa.Table, names: Sequence[str]) -> dict[str, SummaryState]:
    import pyarrow as pa
    import pyarrow.compute as pc

    chosen = rows.filter(pc.is_in(rows["dataset"], pa.array(names, pa.string())))
    return {str(name): state for name, state in states_of_rows(chosen).items()}


def _headline(summary: Summary) -> dict[str, Any]:
    return {"n_questions": summary.n_questions, **{name: _numbers(getattr(summary, name)) for name in _HEADLINE}}


def _numbers(estimate: Estimate) -> dict[str, float | None]:
    found = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    return {name: float(value) if math.isfinite(value) else None for name, value in found.items()}


def _free_memory() -> None:
    """Give back what the last checkpoint took, before the next one is loaded."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def _line(error: BaseException) -> str:
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    known = isinstance(error, ValueError | OSError | ImportError | MemoryError)
    return text if known and text else f"{type(error).__name__}: {text}"
