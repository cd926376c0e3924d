"""`pyscore compare`: runs on the same questions, each against the first; or the checkpoints of a study."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from pyscore.cli.conditions import read_condition
from pyscore.cli.files import check_distinct, expanded
from pyscore.cli.logs import check_runs, read_arguments, read_runs
from pyscore.cli.options import Clusters, Confidence, Json, Normalize, Sets, Ties
from pyscore.cli.text import say

__all__ = ["compare"]

FAILED = 1
"""Exit status where a condition of --fail-if holds."""


def compare(
    context: typer.Context,
    runs: Annotated[
        list[str],
        typer.Argument(
            help="Runs, the first one is what the others are compared with: files or folders of rows (paths or URLs), "
            "samples_*.jsonl of lm-evaluation-harness or a folder of them, logs of inspect (.eval, .json). A single "
            "file may hold several models or steps. Or one study's folder, whose checkpoints are compared with the "
            "first of their family, size and tags, under each template."
        ),
    ],
    match: Annotated[
        Literal["exact", "common", "id", "common-id"],
        typer.Option(
            help="Refuse runs that don't hold the same questions, or compare those that both hold; paired by data set "
            "and question id, or by question id alone, where a data set was renamed."
        ),
    ] = "exact",
    template: Annotated[str | None, typer.Option(help="Of a study: compare under this template alone.")] = None,
    against: Annotated[
        str | None,
        typer.Option(help="Of a study: the checkpoint to compare all others with, such as 'base, step 0'."),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(help="The largest difference that doesn't matter, such as 0.02: is a difference within ± it?"),
    ] = None,
    fail_if: Annotated[
        list[str] | None,
        typer.Option(
            help="End with status 1 if this holds: [SCOPE:]METRIC[.FIELD] OP NUMBER, such as 'preference_rate < -0.02' "
            "or 'any: mean_probability.high < 0'. SCOPE is pooled, macro, any (data set) or a data set; FIELD is low, "
            "high, p, adjusted_p, first or other. Of a study, under any template. Repeatable."
        ),
    ] = None,
    changes: Annotated[int, typer.Option(min=0, help="How many of the questions that changed most to show.")] = 10,
    correction: Annotated[
        Literal["holm", "benjamini-hochberg"], typer.Option(help="How p-values are corrected for their number.")
    ] = "holm",
    normalize: Normalize = "sum",
    sets: Sets = "max",
    ties: Ties = "half",
    confidence: Confidence = 0.95,
    clusters: Clusters = True,
    log_arg: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Of logs: cluster (a field of documents, a key of metadata), scorer of inspect; target_delimiter, "
            "targets, filter_name of lm-evaluation-harness. Repeatable.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Compare runs, or a study's checkpoints, with the first one: paired differences, and what changed most."""
    conditions = [read_condition(text) for text in fail_if or ()]
    if margin is not None and not 0 < margin < 1:
        raise ValueError(f"--margin must lie between 0 and 1, got {margin:g} (2 points are 0.02)")
    paths = expanded(runs)
    check_distinct(paths, "runs")
    check_runs(paths)
    arguments = read_arguments(log_arg or (), paths)
    rule: dict[str, Any] = {"normalize": normalize, "sets": sets, "ties": ties}
    from pyscore.store.studies import is_study

    if any(map(is_study, paths)):
        # What isn't given on the command line is as the study says.
        rule = {name: _given(context, name) for name in (*rule, "confidence")}
        read: list[Any] = [*paths]
    else:
        read = read_runs(paths, rule, arguments)
        rule |= {"confidence": confidence, "names": paths}
    from pyscore.cli.compare_output import print_differences
    from pyscore.cli.compare_study_output import print_study
    from pyscore.cli.output import print_json
    from pyscore.results import compare_runs

    found = compare_runs(
        *read,
        match=match,
        template=template,
        against=against,
        **rule,
        clustered=clusters,
        correction=correction,
        margin=margin,
        changes=changes,
    )
    failed, undecided = [], []
    for condition in conditions:
        try:
            failed += condition.met_by(found)
        except ValueError as error:  # What was computed is shown first.
            undecided.append(error)
    if json:
        print_json(found.to_dict() | {"paths": paths, "failed": [each.to_dict() for each in failed]})
    elif found.runs[0].template is None:
        print_differences(found)
    else:
        print_study(found)
    for each in failed:
        say(f"failed: {each}")
    if undecided:
        raise undecided[0]
    if failed:
        raise typer.Exit(FAILED)


def _given(context: typer.Context, name: str) -> Any:
    """The value of an option that stands on the command line, else None."""
    source = context.get_parameter_source(name)
    return None if source is None or source.name == "DEFAULT" else context.params[name]
