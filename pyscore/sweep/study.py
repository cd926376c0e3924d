"""A study, resolved: every checkpoint, template and data set by itself, as its runs and its tables know them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import Any

from pyscore._digest import json_digest
from pyscore._version import __version__
from pyscore.engine.questions import checked_questions, content_digest
from pyscore.store.studies import run_name
from pyscore.tasks import ChatTemplate, Question, load_questions, render
from pyscore.tasks.options import ReadOptions

__all__ = ["ComparisonRule", "Dataset", "Model", "NamedTemplate", "Resources", "Scoring", "Study"]


_READ = [each.name for each in fields(ReadOptions) if each.name not in ("columns", "blank")]


@dataclass(frozen=True)
class Model:
    """A checkpoint of the study.

    Attributes:
        name: what rows call the model.
        path: a folder, a name on the model hub, a ``.gguf`` file, or what the source takes.
        revision: branch, tag or commit on the model hub.
        step: training step.
        size: number of parameters.
        family: what checkpoints of one curve have in common.
        tags: what else tables are to say of it.
        source: "huggingface", or "package.module:name" of a `pyscore.sweep.models.Loader`.
        options: of the source, for Hugging Face those of `pyscore.Scorer.from_pretrained`.
    """

    name: str
    path: str
    revision: str | None = None
    step: int | None = None
    size: float | None = None
    family: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    source: str = "huggingface"
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What people call it: name, revision and step."""
        step = None if self.step is None else f"step {self.step}"
        revision = None if self.revision == f"step{self.step}" else self.revision
        return ", ".join(part for part in (self.name, revision, step) if part)


@dataclass(frozen=True)
class Dataset:
    """A data set of the study.

    Attributes:
        name: what rows call it.
        files: its files in order, each of them anything with a name that `pyscore.load_questions` reads.
        format, choices, limit, prompt_template, answers, on_error: as for `pyscore.load_questions`.
        columns: as for `pyscore.load_questions`, in pairs of a field and its columns; None for a known format.
        cluster: the entry of a question's ``meta`` that names its cluster; None for the format's own clusters.
        templates: names of the templates that it is scored under; None for all.
    """

    name: str
    files: tuple[str, ...]
    format: str = "auto"
    choices: str = "given"
    limit: int | None = None
    cluster: str | None = None
    templates: tuple[str, ...] | None = None
    columns: tuple[tuple[str, str | int | tuple[str, ...]], ...] | None = None
    prompt_template: str | None = None
    answers: str = "auto"
    on_error: str = "raise"

    @cached_property
    def questions(self) -> list[Question]:
        """Its questions, read once; the data set's name is theirs.

        Raises:
            FileNotFoundError, ValueError: as `pyscore.load_questions`; an id that two files use; no such cluster.
        """
        if not self.files:
            raise ValueError(f"data set {self.name!r} has no files: name at least one")
        options: dict[str, Any] = {name: getattr(self, name) for name in _READ}
        options["columns"] = None if self.columns is None else dict(self.columns)
        found = [
            replace(question, dataset=self.name, cluster=self._cluster(question))
            for question in load_questions(list(self.files), **options)
        ]
        return checked_questions(found, self.name)

    @cached_property
    def content_sha256(self) -> str:
        """A digest of the questions."""
        return content_digest(self.questions)

    def _cluster(self, question: Question) -> str | None:
        if self.cluster is None:
            return question.cluster
        if self.cluster not in question.meta:
            known = ", ".join(map(repr, question.meta)) or "no entries"
            raise ValueError(
                f"data set {self.name!r}: cluster={self.cluster!r} is no entry of the question {question.id!r}, "
                f"which has {known}"
            )
        return str(question.meta[self.cluster])


@dataclass(frozen=True)
class NamedTemplate:
    """A template, and what tables call it."""

    name: str
    template: str | ChatTemplate = "plain"

    @property
    def text(self) -> str:
        """As rows name it in their metadata."""
        return str(self.template)

    def check(self, question: Question) -> None:
        """Raise ValueError if it can't be rendered, as far as that is told without a tokenizer."""
        if isinstance(self.template, str) and self.template != "chat":
            render(self.template, question)


@dataclass(frozen=True)
class Scoring:
    """How questions are scored.

    Attributes:
        truncate, token_logprobs, on_error: as for `pyscore.Scorer.score`. With "raise" a data set of which a question
            can't be scored is reported as failed.
        chunk_questions: how many questions are stored at a time; what a killed worker loses, at most, is twice that.
    """

    truncate: bool = False
    token_logprobs: bool = False
    on_error: str = "raise"
    chunk_questions: int = 1024


@dataclass(frozen=True)
class Resources:
    """What one checkpoint takes of a machine, and how often it is tried, on a cluster.

    Attributes:
        cpus, gpus: how many of each.
        memory: bytes of host memory; None for no claim.
        max_retries: how often a checkpoint is begun again whose worker died.
        custom: resources of a Ray cluster by their names.
    """

    cpus: float = 1
    gpus: float = 0
    memory: int | None = None
    max_retries: int = 3
    custom: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ComparisonRule:
    """How tables compare answers: the options of `pyscore.score_answers`."""

    normalize: str = "sum"
    sets: str = "max"
    ties: str = "half"


@dataclass(frozen=True)
class Study:
    """Checkpoints x templates x data sets, and where their rows go.

    Attributes:
        name: of the study.
        output: its folder, a path or an fsspec URL.
        models, datasets, templates: the grid; names of data sets and of templates are unique.
        scoring, resources: see there.
        metrics: fields of `pyscore.Summary`, and names of presets, that tables have.
        confidence: of the intervals.
        comparison: how answers are compared.
        argv: the arguments of the command that scores it, which its runs note; None where no command does.

    Raises:
        ValueError: a part of the grid is empty, two parts have one name, or a data set names an unknown template.
    """

    name: str
    output: str
    models: tuple[Model, ...]
    datasets: tuple[Dataset, ...]
    templates: tuple[NamedTemplate, ...] = (NamedTemplate("plain"),)
    scoring: Scoring = Scoring()
    resources: Resources = Resources()
    metrics: tuple[str, ...] = ("mean_probability", "preference_rate")
    confidence: float = 0.95
    comparison: ComparisonRule = ComparisonRule()
    argv: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for kind in ("models", "datasets", "templates"):
            if not getattr(self, kind):
                raise ValueError(f"{kind} is empty: a study needs at least one")
        for kind, names in (
            ("data set", [each.name for each in self.datasets]),
            ("template", [each.name for each in self.templates]),
            ("template text", [each.text for each in self.templates]),
            ("model", [each.label for each in self.models]),
        ):
            if len(set(names)) < len(names):
                twice = next(name for name in names if names.count(name) > 1)
                way = ", or a pattern that reads {step} or {name}" if kind == "model" else ""
                raise ValueError(f"the {kind} {twice!r} is there twice: give each one its own name{way}")
        known = [each.name for each in self.templates]
        for dataset in self.datasets:
            for name in dataset.templates or ():
                if name not in known:
                    raise ValueError(
                        f"data set {dataset.name!r}: no template is called {name!r}: give one of {', '.join(known)}"
                    )

    def key(self, model: Model) -> str:
        """What tells the runs of a checkpoint from those of others: what its rows call it, wherever it lies."""
        return json_digest([model.name, model.revision, model.step])

    def conditions(self, model: Model) -> dict[str, Any]:
        """How the study says to load and score a checkpoint: it is loaded again if this changes."""
        scoring = {name: value for name, value in asdict(self.scoring).items() if name != "on_error"}
        return {"path": model.path, "source": model.source, "options": dict(model.options), **scoring}

    def folder_of(self, model: Model) -> str:
        """The name of the folder that the runs of a checkpoint lie in."""
        return run_name(model.label, self.key(model))

    def datasets_of(self, template: NamedTemplate) -> list[Dataset]:
        """The data sets that are scored under this template."""
        return [each for each in self.datasets if each.templates is None or template.name in each.templates]

    def to_dict(self, readable: Collection[str] | None = None) -> dict[str, Any]:
        """What `pyscore.store.studies.StudyFolder.write` takes: the grid, with digests of the questions.

        Args:
            readable: names of the data sets whose files can be read; others are left out. None: all of them.
        """
        names = [each.name for each in self.templates]
        return {
            "name": self.name,
            "pyscore_version": __version__,
            "models": [
                {
                    "key": self.key(model),
                    "folder": self.folder_of(model),
                    **{name: getattr(model, name) for name in ("name", "revision", "step", "size", "family", "path")},
                    "tags": dict(model.tags),
                }
                for model in self.models
            ],
            "templates": [{"name": each.name, "text": each.text} for each in self.templates],
            "datasets": [
                {
                    "name": each.name,
                    "questions": len(each.questions),
                    "content_sha256": each.content_sha256,
                    "templates": list(names if each.templates is None else each.templates),
                }
                for each in self.datasets
                if readable is None or each.name in readable
            ],
            "scoring": asdict(self.scoring),
            "metrics": list(self.metrics),
            "confidence": self.confidence,
            "comparison": asdict(self.comparison),
        }
