"""Results written to a file in one of the formats, whole or not at all, and read from it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyscore.integrations.interchange import every_eval_ever, hub, lm_eval_results
from pyscore.integrations.interchange.results import Result, RunResults
from pyscore.ops.checks import check_choice
from pyscore.store.files import locate

__all__ = ["FORMATS", "check_place", "read_results", "write_results"]

FORMATS = ("every-eval-ever", "lm-eval", "hub")
"""The formats' names; see docs/interchange.md."""

_ENDINGS = {"every-eval-ever": (".json",), "lm-eval": (".json",), "hub": (".yaml", ".yml")}


def check_place(path: str | Path, format: str) -> None:
    """Raise ValueError unless the format is known and the name has its ending, OSError where no file can be made."""
    check_choice(format, "format", FORMATS)
    endings = _ENDINGS[format]
    if not str(path).lower().endswith(endings):
        raise ValueError(f"{path} must end in {' or '.join(endings)}, as files of {format} do")
    place = locate(path)
    if place.is_folder():
        raise IsADirectoryError(f"{path} is a folder: name a file to write")
    place.check_writable()


def write_results(
    run: RunResults,
    path: str | Path,
    format: str,
    *,
    details: Mapping[str, str] | None = None,
    seconds: float | None = None,
) -> None:
    """Write a run's headline numbers; the file is whole or what it was before.

    Args:
        run: what `run_results` gave.
        path: a path or an fsspec URL, ``.json``, or ``.yaml`` for "hub".
        format: one of `FORMATS`.
        details: what the format wants and rows don't say, by name; see docs/interchange.md.
        seconds: since 1970, to write as the time; now by default.

    Raises:
        ValueError: an unknown format or ending; a detail that is missing, unknown or none of those that are allowed.
        ImportError: "hub" without PyYAML.
        OSError: the file can't be written.
    """
    check_place(path, format)
    now = time.time() if seconds is None else seconds
    given = details or {}
    if format == "hub":
        text = _yaml().safe_dump(hub.entries(run, given), sort_keys=False, width=2**31 - 1)
    else:
        make = every_eval_ever.record if format == "every-eval-ever" else lm_eval_results.document
        text = json.dumps(make(run, given, now), indent=2, allow_nan=False) + "\n"
    with locate(path).replacing() as file:
        file.write(text.encode())


def read_results(path: str | Path) -> list[Result]:
    """The numbers of a file in one of the formats, whoever wrote it; what it is shows in its contents.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, or none of these formats.
        ImportError: YAML without PyYAML.
    """
    values = _parsed(path)
    try:
        if isinstance(values, dict) and every_eval_ever.is_record(values):
            return every_eval_ever.read_record(values)
        if isinstance(values, dict) and lm_eval_results.is_results(values):
            return lm_eval_results.read_document(values)
        if hub.is_entries(values):
            return hub.read_entries(values)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    raise ValueError(
        f"{path} holds no results: a record of Every Eval Ever, lm-evaluation-harness's results_<time>.json and the "
        "hub's .eval_results/*.yaml are read"
    )


def _parsed(path: str | Path) -> Any:
    place = locate(path)
    if place.is_folder():
        raise ValueError(f"{path} is a folder: name one file of results")
    if not place.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    try:
        text = place.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 (byte {error.start})") from None
    try:
        return _from_yaml(text) if str(path).lower().endswith((".yaml", ".yml")) else json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}, line {error.lineno}: not JSON ({error.msg} at character {error.colno})") from None
    except RecursionError:
        raise ValueError(f"{path}: nested too deeply to be read") from None
    except ValueError as error:  # YAML's mistakes, and numbers of too many digits
        raise ValueError(f"{path}: {error}") from None


def _from_yaml(text: str) -> Any:
    yaml = _yaml()
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        told = " ".join(str(error).split())
        raise ValueError(f"not YAML ({told:.200})") from None


def _yaml() -> Any:
    try:
        import yaml
    except ImportError:
        raise ImportError(
            'the hub\'s files are YAML, which needs pyyaml: pip install "pyscore-engine[sweep]"'
        ) from None
    return yaml
