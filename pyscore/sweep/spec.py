"""A study file: YAML in, a `Study` out, every mistake named by its line."""

from __future__ import annotations

import os
import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyscore.sweep.spec_variables import MOST_ENTRIES, expanded, resolved_variables, substituted
from pyscore.sweep.spec_yaml import Mistakes, nearest, read_yaml
from pyscore.sweep.study import ComparisonRule, Model, Resources, Scoring, Study

if TYPE_CHECKING:
    from pyscore.sweep.spec_models import StudyFile

__all__ = ["load", "study_of"]

_MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*(|[KMGT]i?B)")
_UNITS = {
    "": 1,
    **{f"{p}B": 1000**n for n, p in enumerate("KMGT", 1)},
    **{f"{p}iB": 1024**n for n, p in enumerate("KMGT", 1)},
}
_EXPANDED = ("models", "datasets")


def load(path: str | Path) -> Study:
    """Read a study file; docs/sweep.md names its fields.

    Args:
        path: of the YAML file. Relative paths in it start from its folder.

    Returns:
        The study, every checkpoint, template and data set by itself. No model is loaded, and no question is read.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: the extra ``sweep`` is not installed.
        ValueError: the file is wrong: a line for each of the first mistakes, with the line of the file, the field, and
            what is allowed there.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name the study file in it")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise FileNotFoundError(f"no such study file: {path}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 (byte {error.start} of the file)") from None
    return study_of(text, path.parent, path.name)


def study_of(text: str, folder: str | Path = ".", name: str = "study.yaml") -> Study:
    """The study of a study file's text.

    Args:
        text: YAML.
        folder: that relative paths start from.
        name: what errors call the file.

    Raises:
        ImportError, ValueError: as `load`.
    """
    values, mistakes = read_yaml(text, name)
    try:
        from pydantic import ValidationError

        from pyscore.sweep.spec_models import StudyFile
    except ImportError:
        raise ImportError('a study file needs pyyaml and pydantic: pip install "pyscore-engine[sweep]"') from None
    from pyscore.sweep.spec_mistakes import note_errors

    if not isinstance(values, dict):
        raise ValueError(f"{name}: a study file is a mapping with output, models and datasets")
    values, origins = _put_in(values, mistakes)
    try:
        given = StudyFile.model_validate(values)
    except ValidationError as error:
        note_errors(error.errors(include_url=False), values, mistakes, StudyFile, origins)
    mistakes.check()
    return _resolved(given, origins, Path(os.path.abspath(folder)), name, mistakes)


def _put_in(values: dict[str, Any], mistakes: Mistakes) -> tuple[dict[str, Any], dict[str, list[int]]]:
    """The values with variables put in and for_each carried out; and where in the file each of the entries stands."""
    variables = resolved_variables(values.get("variables"), mistakes)
    rest = {key: value for key, value in values.items() if key != "variables"}
    found = substituted(rest, variables, mistakes)
    origins: dict[str, list[int]] = {}
    for key in _EXPANDED:
        if not isinstance(found.get(key), list):
            continue
        made = [(i, each) for i, entry in enumerate(found[key]) for each in expanded(entry, mistakes, (key, i))]
        if len(made) > MOST_ENTRIES:
            mistakes.add((key,), f"stands for more than {MOST_ENTRIES:,} entries")
            made = made[:1]
        origins[key], found[key] = [i for i, _ in made], [each for _, each in made] or found[key]
        origins[key] = origins[key] or list(range(len(found[key])))
    mistakes.check()
    return found, origins


def _resolved(given: StudyFile, origins: dict[str, list[int]], folder: Path, name: str, mistakes: Mistakes) -> Study:
    from pyscore.sweep.spec_checkpoints import checkpoints
    from pyscore.sweep.spec_data import datasets, templates

    stands = {key: [(key, i) for i in indices] for key, indices in origins.items()}
    models: list[Model] = []
    for entry, where in zip(given.models, stands["models"], strict=True):
        models += checkpoints(entry, given.defaults.models, folder, mistakes, where)
    named = templates(given.templates, folder, mistakes)
    entries = list(zip(given.datasets, stands["datasets"], strict=True))
    sets = datasets(entries, given.defaults.datasets, [each.name for each in named], folder, mistakes)
    _check_metrics(given.metrics, mistakes)
    resources = given.resources.model_dump()
    resources["memory"] = _memory(given.resources.memory, mistakes)
    mistakes.check()
    try:
        return Study(
            name=given.name or Path(name).stem,
            output=_place(given.output, folder),
            models=tuple(models),
            datasets=tuple(sets),
            templates=tuple(named),
            scoring=Scoring(**given.scoring.model_dump()),
            resources=Resources(**resources),
            metrics=tuple(given.metrics),
            confidence=given.confidence,
            comparison=ComparisonRule(**given.comparison.model_dump()),
        )
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _check_metrics(names: list[str], mistakes: Mistakes) -> None:
    from pyscore.metrics import Summary
    from pyscore.metrics.presets import PRESETS

    estimates = [field.name for field in fields(Summary) if "Estimate" in str(field.type)]
    for i, name in enumerate(names):
        if name not in (*estimates, *PRESETS):
            mistakes.add(("metrics", i), f"{name!r:.60} is no metric: {nearest(name, (*estimates, *PRESETS))}")
        elif name in names[:i]:
            mistakes.add(("metrics", i), f"{name!r} is there twice")


def _memory(given: int | str | None, mistakes: Mistakes) -> int | None:
    if not isinstance(given, str):
        return given
    found = _MEMORY.fullmatch(given.strip())
    if found is None or float(found[1]) * _UNITS[found[2]] < 1 or len(given) > 30:
        mistakes.add(("resources", "memory"), f"{given!r:.60} is no size of memory: write 24GiB, or a number of bytes")
        return None
    return int(float(found[1]) * _UNITS[found[2]])


def _place(output: str, folder: Path) -> str:
    if "://" in output:
        return output
    return os.path.normpath(os.path.join(folder, os.path.expanduser(output)))
