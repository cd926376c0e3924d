"""Runs as they are named on the command line: files and folders of rows, and logs of other harnesses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pyscore._urls import is_url
from pyscore.cli.options import key_values

if TYPE_CHECKING:
    import pyarrow as pa

    from pyscore.results import QuestionScores

__all__ = ["check_runs", "read_arguments", "read_runs"]


def _read_lm_eval(path: str, **options: Any) -> QuestionScores:
    from pyscore.integrations.lm_eval_scores import question_scores

    return question_scores(path, **options)


def _read_inspect(path: str, **options: Any) -> QuestionScores:
    from pyscore.integrations.inspect_scores import question_scores

    return question_scores(path, **options)


class _Format(NamedTuple):
    """A kind of log: what reads it, and the arguments that this takes."""

    read: Callable[..., QuestionScores]
    arguments: tuple[str, ...]


_FORMATS = {
    "lm-eval": _Format(_read_lm_eval, ("cluster", "target_delimiter", "targets", "filter_name", "task")),
    "inspect": _Format(_read_inspect, ("cluster", "scorer")),
}
_SUFFIXES = {".jsonl": "lm-eval", ".eval": "inspect", ".json": "inspect"}


def check_runs(paths: Sequence[str]) -> None:
    """Raise FileNotFoundError unless every path on this machine exists, ValueError for a URL that can't be read."""
    for path in paths:
        if not is_url(path) and not Path(path).exists():
            raise FileNotFoundError(f"no such file: {path}")
        if is_url(path) and _format(path) == "lm-eval":
            raise ValueError(f"{path} is a URL, and samples are read from this machine: download the file first")


def read_arguments(given: Sequence[str], paths: Sequence[str]) -> dict[str, str]:
    """The arguments KEY=VALUE for readers of logs.

    Raises:
        ValueError: one isn't KEY=VALUE, is given twice, or none of the paths is a log that takes it.
    """
    formats = {_format(path) for path in paths} - {None}
    arguments: dict[str, str] = {}
    for key, value in key_values(given, "--log-arg", "cluster=topic"):
        if not any(name in formats and key in each.arguments for name, each in _FORMATS.items()):
            known = "; ".join(f"of {name}: {', '.join(each.arguments)}" for name, each in _FORMATS.items())
            raise ValueError(f"--log-arg {key}: no log among these runs takes it ({known})")
        arguments[key] = value
    return arguments


def read_runs(
    paths: Sequence[str], rule: Mapping[str, str], arguments: Mapping[str, str]
) -> list[pa.Table | QuestionScores]:
    """Every run, rows as a table; ``rule`` is how answers are compared, ``arguments`` are for logs.

    Raises:
        FileNotFoundError, ValueError: as `pyscore.store.read_rows` and the readers of logs.
    """
    # Rows come first, since a mistake in them is found before metrics are imported.
    from pyscore.store import read_rows

    tables = {path: read_rows(path) for path in paths if _format(path) is None}
    return [tables[path] if path in tables else _read_log(path, rule, arguments) for path in paths]


def _read_log(path: str, rule: Mapping[str, str], arguments: Mapping[str, str]) -> QuestionScores:
    chosen = _FORMATS[_format(path) or ""]
    own: dict[str, Any] = {key: value for key, value in arguments.items() if key in chosen.arguments}
    return chosen.read(path, **rule, **own)


def _format(path: str) -> str | None:
    """What wrote a log, by its name; None for rows."""
    if not is_url(path) and Path(path).is_dir():
        if (Path(path) / "study.json").is_file():
            return None
        # A folder of rows has a manifest; `read_rows` says what is wrong with one that has neither.
        return "lm-eval" if next(Path(path).rglob("samples_*.jsonl"), None) else None
    if Path(path).name.endswith("_write_out_info.json"):
        return "lm-eval"
    return _SUFFIXES.get(Path(path).suffix.lower())
