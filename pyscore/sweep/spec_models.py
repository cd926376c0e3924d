"""What a study file may say: its fields, their types and what they are for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pyscore.tasks.formats import FORMATS

__all__ = ["DatasetEntry", "ModelEntry", "Revisions", "StudyFile", "TemplateEntry", "schema"]

Dtype = Literal["auto", "float32", "bfloat16", "float16", "float64"]
Format = Literal[("auto", *FORMATS)]  # type: ignore[valid-type]
Text = Annotated[str, Field(min_length=1)]
Scalar = str | int | float | bool
Loops = dict[str, Any]


class _Fields(BaseModel):
    """Fields and no others, of the types that they have."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    def given(self) -> dict[str, Any]:
        """The fields that the file gives."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class ModelOptions(_Fields):
    """What checkpoints may have in common."""

    family: Text | None = Field(default=None, description="What checkpoints of one curve have in common")
    tags: dict[str, Scalar] = Field(default={}, description="What else tables are to say of it")
    dtype: Dtype = Field(default="auto", description="Of the weights; auto is the checkpoint's own")
    device: Text = Field(default="auto", description="auto, cpu, cuda or cuda:0")
    batch_tokens: Literal["auto"] | Annotated[int, Field(ge=1)] = Field(
        default="auto", description="Tokens of a forward pass"
    )
    backend: Text = Field(default="auto", description="Of the kernels")
    adapter: Text | None = Field(
        default=None, description="A PEFT adapter to load over the model: a folder, or a hub name"
    )
    add_bos_token: Literal["auto"] | bool = Field(default="auto", description="Whether texts begin with BOS")
    trust_remote_code: bool = Field(default=False, description="Let code that comes with the model run")
    allow_unused_weights: bool = Field(default=False, description="Accept weights that the model has no use for")
    source: Text = Field(default="huggingface", description="huggingface, or module:name or file.py:name of a Loader")
    options: dict[str, Any] = Field(default={}, description="Further options, for a source of one's own")
    pattern: Text | None = Field(default=None, description="What names say, such as {family}-{size}/step{step}")
    ignore_unmatched: bool = Field(default=False, description="Leave out folders that the pattern doesn't fit")


class Revisions(_Fields):
    """Revisions that are numbered."""

    pattern: Text = Field(default="step{step}", description="How a revision is named")
    steps: list[int] = Field(default=[], description="Steps, one by one")
    range: list[int] | None = Field(default=None, description="[first, last, by], the last one included")


class ModelEntry(ModelOptions):
    """A checkpoint, or several."""

    path: Text | None = Field(
        default=None, description="A folder, a .gguf file, or a pattern of folders: checkpoints/*/"
    )
    hub: Text | None = Field(default=None, description="A name on the model hub")
    name: Text | None = Field(default=None, description="What tables call it")
    revision: Text | None = Field(default=None, description="Branch, tag or commit on the model hub")
    revisions: list[Text] | Revisions | None = Field(default=None, description="Several revisions, each a checkpoint")
    step: Annotated[int, Field(ge=0)] | None = Field(default=None, description="Training step")
    size: Annotated[float, Field(gt=0)] | Text | None = Field(
        default=None, description="Parameters: 160M, 1.4B or a number"
    )
    for_each: Loops | None = Field(
        default=None, description="Lists whose product this stands for, as ${name} in other fields"
    )


class DatasetOptions(_Fields):
    """What data sets may have in common."""

    format: Format = Field(default="auto", description="Of the files")
    choices: Literal["given", "listed"] = Field(default="given", description="Which answers are compared")
    columns: dict[str, str | int | list[str]] | None = Field(
        default=None, description="Which columns are fields of a question"
    )
    prompt_template: Text | None = Field(
        default=None, description="With columns: Jinja that makes the prompt of a row's fields"
    )
    answers: Literal["auto", "text", "letter"] = Field(
        default="auto", description="Of rows that list choices: whether their texts or their letters are compared"
    )
    on_error: Literal["raise", "skip"] = Field(default="raise", description="What a row does that is no question")
    cluster: Text | None = Field(default=None, description="The entry of meta that names a question's cluster")
    limit: Annotated[int, Field(ge=1)] | None = Field(default=None, description="Only the first rows of each file")
    templates: Text | list[Text] | None = Field(default=None, description="Names of the templates to score under; all")


class DatasetEntry(DatasetOptions):
    """A data set, or one for each file."""

    files: Text | list[Text] = Field(
        description="A file, a folder, a pattern as evals/*.jsonl, a URL, hf:NAME, or a list"
    )
    name: Text | None = Field(default=None, description="One data set of all the files; without it each file is one")
    for_each: Loops | None = Field(
        default=None, description="Lists whose product this stands for, as ${name} in other fields"
    )


class ChatEntry(_Fields):
    """Options of the tokenizer's own chat template."""

    system: str | None = Field(default=None, description="A system message before the question")
    arguments: dict[str, Any] = Field(default={}, description="Variables of the chat template")
    assistant_prefix: str = Field(default="", description="How the reply begins; answers follow it")
    date: str | None = Field(default=None, description="What the chat template takes for today, YYYY-MM-DD")


class TemplateEntry(_Fields):
    """A template: one of text, file and chat."""

    name: Text | None = Field(default=None, description="What tables call it; of a file by default its stem")
    text: Text | None = Field(
        default=None, description="plain, human-assistant, chat, or Jinja that prints {{ question }}"
    )
    file: Text | None = Field(default=None, description="A file of Jinja")
    chat: ChatEntry | None = Field(default=None, description="The tokenizer's own chat template")


class Defaults(_Fields):
    """Fields of all models, or of all data sets, that don't say otherwise."""

    models: ModelOptions = ModelOptions()
    datasets: DatasetOptions = DatasetOptions()


class ScoringEntry(_Fields):
    """How questions are scored."""

    truncate: bool = Field(default=False, description="Cut prompts that are too long for the model from the left")
    token_logprobs: bool = Field(default=False, description="Store the log-probability of each token")
    on_error: Literal["raise", "skip"] = Field(default="raise", description="What a question does that can't be scored")
    chunk_questions: Annotated[int, Field(ge=1)] = Field(
        default=1024, description="How many questions are stored at a time"
    )


class ResourcesEntry(_Fields):
    """What a checkpoint takes of a machine of a cluster."""

    cpus: Annotated[float, Field(ge=0)] = 1
    gpus: Annotated[float, Field(ge=0)] = 0
    memory: Annotated[int, Field(ge=1)] | Text | None = Field(default=None, description="Of the host: bytes, or 24GiB")
    max_retries: Annotated[int, Field(ge=0)] = Field(default=3, description="Tries after a worker died")
    custom: dict[str, Annotated[float, Field(ge=0)]] = Field(
        default={}, description="Resources of a Ray cluster by name"
    )


class ComparisonEntry(_Fields):
    """How tables compare answers."""

    normalize: Literal["sum", "token", "char", "byte", "pmi"] = "sum"
    sets: Literal["max", "sum"] = "max"
    ties: Literal["half", "strict", "first", "share"] = "half"


class StudyFile(_Fields):
    """A study: checkpoints x templates x data sets."""

    name: Text | None = Field(default=None, description="Of the study; the file's stem by default")
    output: Text = Field(description="A folder, or an fsspec URL")
    variables: dict[str, Scalar] = Field(
        {}, description="Used as ${name} in any text; ${env:NAME} is the environment's"
    )
    defaults: Defaults = Defaults()
    models: list[ModelEntry] = Field(min_length=1)
    datasets: list[DatasetEntry] = Field(min_length=1)
    templates: list[str | TemplateEntry] | dict[str, str | TemplateEntry] = ["plain"]
    scoring: ScoringEntry = ScoringEntry()
    resources: ResourcesEntry = ResourcesEntry()
    metrics: list[str] = Field(
        default=["mean_probability", "preference_rate"],
        min_length=1,
        description="Fields of a summary, and names of presets",
    )
    confidence: Annotated[float, Field(gt=0, lt=1)] = Field(default=0.95, description="Of the intervals")
    comparison: ComparisonEntry = ComparisonEntry()


def schema() -> dict[str, Any]:
    """The JSON schema of a study file, for editors: `pyscore/sweep/study.schema.json`."""
    found = _with_references(StudyFile.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "title": "pyscore study"}


def _with_references(node: Any) -> Any:
    """The schema, which takes ``${name}`` in the place of a number, a flag or one of several words."""
    if isinstance(node, list):
        return [_with_references(each) for each in node]
    if not isinstance(node, Mapping):
        return node
    found = {key: each if key == "default" else _with_references(each) for key, each in node.items()}
    if found.get("type") in ("integer", "number", "boolean") or "enum" in found or "const" in found:
        about = {key: found.pop(key) for key in ("default", "description", "title") if key in found}
        return {"anyOf": [found, {"type": "string", "pattern": r"^\$\{.+\}$"}], **about}
    return found
