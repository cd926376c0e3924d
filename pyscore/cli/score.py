"""`pyscore score`: questions in, summaries and rows out."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from pyscore._confidence import check_confidence
from pyscore.cli.errors import one_line_errors
from pyscore.cli.options import Clusters, Confidence, Json, Normalize, Sets, Ties
from pyscore.cli.output import print_counts, print_json, print_summaries
from pyscore.engine import Scorer
from pyscore.engine.bundled import BUNDLED_MODEL
from pyscore.engine.run import run_folder, score_to
from pyscore.store import RunStore, check_no_file, check_target, metadata_of, read_rows, read_run, summarize_rows
from pyscore.tasks import TEMPLATES, Question, load_questions, render, sample_questions

__all__ = ["score"]


def score(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files of questions (JSONL). None: the bundled questions.")
    ] = None,
    model: Annotated[
        str, typer.Option("--model", "-m", help="A model folder, a name on the model hub, or a .gguf file.")
    ] = BUNDLED_MODEL,
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit on the model hub.")] = None,
    template: Annotated[
        str, typer.Option("--template", "-t", help=f"How to make prompts: {', '.join(TEMPLATES)}, or a Jinja string.")
    ] = "plain",
    format: Annotated[str, typer.Option(help="Format of the files; auto: told from their first line.")] = "auto",
    choices: Annotated[
        Literal["given", "listed"],
        typer.Option(help="Compare the answers that a file names, or all that a lettered question lists."),
    ] = "given",
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
    explain: Annotated[
        bool, typer.Option("--explain", help="Show how many tokens the run takes, and score nothing.")
    ] = False,
    token_logprobs: Annotated[bool, typer.Option("--token-logprobs", help="Add token log-probs to the rows.")] = False,
    truncate: Annotated[
        bool, typer.Option("--truncate", help="Cut prompts that are too long from the left instead of refusing them.")
    ] = False,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code that comes with the model.")
    ] = False,
    add_bos: Annotated[
        bool | None,
        typer.Option("--add-bos/--no-add-bos", help="Begin every text with BOS; by default as the tokenizer does."),
    ] = None,
    json: Json = False,
    progress: Annotated[bool, typer.Option("--progress/--quiet", help="Show progress on standard error.")] = True,
) -> None:
    """Score questions with a model: the bundled ones with the bundled model, unless told otherwise."""
    with one_line_errors():
        # All that can be wrong is looked for before the model is loaded.
        check_confidence(confidence)
        _check_output(output, resume)
        questions = _questions(paths or [], format, choices, limit)
        if template != "chat":
            render(template, questions[0])
        scorer = _load(
            model=model,
            revision=revision,
            dtype=dtype,
            device=device,
            batch_tokens=int(batch_tokens) if batch_tokens.isdecimal() else batch_tokens,
            trust_remote_code=trust_remote_code,
            add_bos_token="auto" if add_bos is None else add_bos,
            backend=backend,
        )
        if explain:
            print_counts(scorer.explain(questions, template=template, truncate=truncate), json)
            return
        how: dict[str, Any] = {
            "template": template,
            "progress": progress,
            "token_logprobs": token_logprobs,
            "truncate": truncate,
        }
        if output is None:
            table = scorer.score(questions, **how)
        else:
            with _saying_what_is_stored(output):
                score_to(scorer, output, questions, resume=resume, arguments={"argv": sys.argv[1:]}, **how)
            table = read_rows(output)
        options: dict[str, Any] = {"normalize": normalize, "sets": sets, "ties": ties, "confidence": confidence}
        summaries = summarize_rows(table, **options, clustered=clusters)
        metadata = metadata_of(table)
        if json:
            found = [summary.to_dict() for summary in summaries]
            print_json({"summaries": found, "options": options, "run": metadata, "rows": output})
        else:
            print_summaries(summaries, options, _notes(metadata, output))


def _check_output(output: str | None, resume: bool) -> None:
    if output is None and resume:
        raise ValueError("--resume goes on with what is in --output: name it")
    if output is None:
        return
    folder = run_folder(output)
    if folder != output:
        check_target(output)
        check_no_file(output, resume=resume)
    RunStore.check(folder, resume=resume)


@contextmanager
def _saying_what_is_stored(output: str) -> Iterator[None]:
    """When a run stops early, one line tells that its rows are not lost."""
    try:
        yield
    except BaseException:
        folder = run_folder(output)
        with suppress(ValueError, OSError):
            stored = read_run(folder).num_rows
            typer.echo(f"pyscore: {stored} rows are stored in {folder}; --resume goes on after them", err=True)
        raise


def _questions(paths: list[Path], format: str, choices: str, limit: int | None) -> list[Question]:
    """The questions of all files, each named after its file: its stem, or its whole path where stems collide."""
    if not paths:
        if (format, choices) != ("auto", "given"):
            raise ValueError("--format and --choices are about files: name some, the bundled questions have neither")
        chosen = sample_questions()[:limit]
        return [replace(question, dataset="bundled sycophancy") for question in chosen]
    stems = Counter(path.stem for path in paths)
    questions = []
    for path in paths:
        name = path.stem if stems[path.stem] == 1 else str(path)
        loaded = load_questions(path, format=format, choices=choices, limit=limit)
        questions += [
            question if question.dataset is not None else replace(question, dataset=name) for question in loaded
        ]
    return questions


def _load(**options: Any) -> Scorer:
    try:
        return Scorer.from_pretrained(**options)
    except RuntimeError as error:  # the backend asked for can't serve, or the model doesn't fit into memory
        raise ValueError(str(error)) from error


def _notes(metadata: dict[str, str], output: str | None) -> list[str]:
    head = metadata["head"] if metadata["head"] == "fused" else f"not fused ({metadata['head']})"
    notes = [
        f"template {metadata['template']!r}, answers compared: {metadata['choices']}, {metadata['dtype']} on "
        f"{metadata['device']}, head {head}, attention {metadata['attention']}"
    ]
    return [*notes, f"rows written to {output}"] if output else notes
