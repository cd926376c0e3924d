"""`pyscore score`: questions in, summaries and rows out."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pyscore.cli.files import adapter_outputs, check_output
from pyscore.cli.options import (
    Answers,
    Choices,
    Clusters,
    Columns,
    Confidence,
    Json,
    Normalize,
    PromptTemplate,
    Sets,
    Ties,
    json_or_text,
    key_values,
)
from pyscore.cli.output import print_counts, print_json, print_skipped, print_summaries
from pyscore.cli.prompts import chosen_template
from pyscore.cli.questions import datasets_of, read_options
from pyscore.cli.stored import kept_unless_shown, saying_what_is_stored
from pyscore.cli.text import typed_arguments
from pyscore.engine.settings import ScoreSettings, check_text
from pyscore.engine.sources.huggingface.bundled import BUNDLED_MODEL
from pyscore.tasks import TEMPLATES, Question, render

if TYPE_CHECKING:
    import pyarrow as pa

    from pyscore.engine import Scorer

__all__ = ["score"]


def score(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            help="Files of questions, folders or patterns of them, URLs, hf:NAME, or - for standard input. "
            "None: the bundled questions."
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            help="A model folder, a name on the model hub, a .gguf file, or SOURCE:NAME as openai:NAME.",
        ),
    ] = BUNDLED_MODEL,
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit on the model hub.")] = None,
    adapter: Annotated[
        list[str] | None,
        typer.Option(
            help="A PEFT adapter to load over the model: a folder, or a name on the model hub. Repeatable: one after "
            "the other over a model that is loaded once, each into a folder of its own within --output."
        ),
    ] = None,
    source_option: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="What only this kind of model knows, as base_url=URL. Repeatable."),
    ] = None,
    template: Annotated[
        str,
        typer.Option(
            "--template",
            "-t",
            help=f"How to make prompts: {', '.join(TEMPLATES)}, or a Jinja string, or @FILE that holds one.",
        ),
    ] = "plain",
    system_prompt: Annotated[
        str | None, typer.Option(help="Of --template chat: the system message, or @FILE that holds it.")
    ] = None,
    template_arg: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Of --template chat: a variable, as enable_thinking=false. Repeatable."),
    ] = None,
    assistant_prefix: Annotated[
        str | None, typer.Option(help="Of --template chat: how the reply begins, or @FILE that holds it.")
    ] = None,
    template_date: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="Of --template chat: the day that it takes for today.")
    ] = None,
    format: Annotated[str, typer.Option(help="Format of the files; auto: told from their first row.")] = "auto",
    columns: Columns = None,
    prompt_template: PromptTemplate = None,
    choices: Choices = "given",
    answers: Answers = "auto",
    limit: Annotated[int | None, typer.Option(min=1, help="Take only the first questions of each file.")] = None,
    dtype: Annotated[str, typer.Option(help="auto: the checkpoint's own; or float32, bfloat16, float16.")] = "auto",
    device: Annotated[str, typer.Option(help="auto: CUDA where there is one, else the CPU.")] = "auto",
    batch_tokens: Annotated[
        str, typer.Option(help="Tokens of a forward pass, padding counted; auto: 1024, on CUDA what is fastest.")
    ] = "auto",
    backend: Annotated[str, typer.Option(help="Which kernels compute log-probabilities; see `pyscore info`.")] = "auto",
    normalize: Normalize = "sum",
    sets: Sets = "max",
    ties: Ties = "half",
    confidence: Confidence = 0.95,
    clusters: Clusters = True,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="Where to write rows while they are scored: a folder, or a file if it ends in .parquet.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --output: score only what is missing there.")
    ] = False,
    run_id: Annotated[str | None, typer.Option(help="What rows call this run; by default a random name.")] = None,
    step: Annotated[int | None, typer.Option(help="The model's training step, for the rows.")] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show the first prompt of each data set with its tokens, and score nothing."),
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show how many tokens the run takes, and score nothing.")
    ] = False,
    token_logprobs: Annotated[bool, typer.Option("--token-logprobs", help="Add token log-probs to the rows.")] = False,
    truncate: Annotated[
        bool, typer.Option("--truncate", help="Cut prompts that are too long from the left instead of refusing them.")
    ] = False,
    on_error: Annotated[
        Literal["raise", "skip"],
        typer.Option(
            help="A row that is no question, and a question that can't be scored (too long, no tokens, a template "
            "that fails), end the run, or are left out and told of."
        ),
    ] = "raise",
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code that comes with the model.")
    ] = False,
    allow_unused_weights: Annotated[
        bool, typer.Option("--allow-unused-weights", help="Score without weights that the model has no place for.")
    ] = False,
    add_bos: Annotated[
        bool | None,
        typer.Option("--add-bos/--no-add-bos", help="Begin every text with BOS; by default as the tokenizer does."),
    ] = None,
    json: Json = False,
    progress: Annotated[
        bool,
        typer.Option("--progress/--quiet", help="Show progress on standard error: a bar, or lines where it is a log."),
    ] = True,
) -> None:
    """Score questions with a model: the bundled ones with the bundled model, unless told otherwise."""
    # All that can be wrong is looked for before the model is loaded, and before torch, which takes seconds to import.
    prompts = chosen_template(template, system_prompt, template_arg or [], assistant_prefix, template_date)
    adapters = adapter or []
    _check_names(model=model, revision=revision, run_id=run_id, adapter="" if "" in adapters else None)
    outputs = adapter_outputs(adapters, output) if len(adapters) > 1 else [output]
    settings: dict[str, Any] = {"truncate": truncate, "token_logprobs": token_logprobs, "step": step}
    ScoreSettings(prompts, **settings)
    check_text(run_id, "run_id")
    for each in outputs:
        check_output(each, resume)
    own = {key: json_or_text(value) for key, value in key_values(source_option or [], "--source-option", "n_ctx=4096")}
    reading = read_options(
        columns=columns,
        prompt_template=prompt_template,
        format=format,
        choices=choices,
        answers=answers,
        limit=limit,
        on_error=on_error,
    )
    datasets = datasets_of(paths or [], reading)
    questions = [question for each in datasets for question in each.questions]
    if isinstance(prompts, str) and prompts != "chat" and on_error == "raise":
        render(prompts, questions[0])
    loading: dict[str, Any] = {"revision": revision, "trust_remote_code": trust_remote_code}
    loading |= {"source_options": own, "add_bos_token": "auto" if add_bos is None else add_bos}
    if dry_run:
        from pyscore.cli.preview import print_previews

        print_previews(datasets, prompts, model, json, **loading)
        return
    loading |= {"dtype": dtype, "device": device, "backend": backend, "allow_unused_weights": allow_unused_weights}
    loading["adapter"] = adapters[0] if len(adapters) == 1 else None
    scorer = _load(model, batch_tokens=int(batch_tokens) if batch_tokens.isdecimal() else batch_tokens, **loading)
    if explain:
        print_counts(scorer.explain(questions, template=prompts, truncate=truncate, on_error=on_error), json)
        return
    settings |= {"template": prompts, "progress": progress, "on_error": on_error, "run_id": run_id}
    options: dict[str, Any] = {"normalize": normalize, "sets": sets, "ties": ties, "confidence": confidence}
    scorers = scorer.with_adapters(adapters) if len(adapters) > 1 else [scorer]
    for scorer, place in zip(scorers, outputs, strict=True):
        if place is None:
            table = scorer.score(questions, **settings)
        else:
            table = _scored_to(scorer, place, questions, resume=resume, **settings)
        with kept_unless_shown(table, place):
            _show(table, options, clusters, place, json)


def _check_names(**names: str | None) -> None:
    for name, given in names.items():
        if given == "":
            raise ValueError(f"--{name.replace('_', '-')} is empty: name one, or leave it out")


def _load(model: str, **options: Any) -> Scorer:
    from pyscore.engine import Scorer

    try:
        return Scorer.from_pretrained(model, **options)
    except RuntimeError as error:  # the backend asked for can't serve, or the model doesn't fit into memory
        raise ValueError(str(error)) from error


def _scored_to(scorer: Scorer, output: str, questions: list[Question], **settings: Any) -> pa.Table:
    from pyscore.engine import score_to
    from pyscore.store import read_rows

    with saying_what_is_stored(output):
        score_to(scorer, output, questions, arguments={"argv": typed_arguments()}, **settings)
    return read_rows(output)


def _show(table: pa.Table, options: dict[str, Any], clusters: bool, output: str | None, as_json: bool) -> None:
    from pyscore.engine import skipped_questions
    from pyscore.engine.skipping import skipped_file
    from pyscore.results import summarize_rows
    from pyscore.store import metadata_of

    skipped = skipped_questions(table)
    if skipped and not table.num_rows:
        first = f"{skipped[0].question_id!r}: {skipped[0].reason}"
        raise ValueError(f"none of the {len(skipped)} questions can be scored; the first is {first}")
    summaries = summarize_rows(table, **options, clustered=clusters)
    metadata = metadata_of(table)
    if as_json:
        found = [summary.to_dict() for summary in summaries]
        left_out = [asdict(question) for question in skipped]
        print_json({"summaries": found, "options": options, "run": metadata, "rows": output, "skipped": left_out})
        return
    print_summaries(summaries, options, _notes(metadata, output))
    if skipped:
        print_skipped(skipped, None if output is None else skipped_file(output))


def _notes(metadata: dict[str, str], output: str | None) -> list[str]:
    """What the run was asked for, how its source scored, as far as it says so, and where the rows are."""
    told = [f"template {metadata['template']!r}", f"answers compared: {metadata['choices']}"]
    told.append(f"{metadata['dtype']} on {metadata['device']}")
    if (head := metadata.get("head")) is not None:
        told.append("head fused" if head == "fused" else f"head not fused ({head})")
    if "sharing" in metadata:
        told.append(f"sharing {metadata['sharing']}")
    return [", ".join(told), *([f"rows written to {output}"] if output else [])]
