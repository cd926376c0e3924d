"""What tables of many runs are made of: studies, runs and files of rows, as groups that are averaged together."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pyscore.store.files import Place, locate
from pyscore.store.grouping import encode
from pyscore.store.manifest import check_manifest, read_manifest
from pyscore.store.reading import MANIFEST_ENTRY
from pyscore.store.scanning import scan_run, some_columns
from pyscore.store.schema import RUN_KEY, as_rows, metadata_of
from pyscore.store.studies import Cell, StudyFolder, is_study

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["LABELS", "Group", "Source", "open_sources"]

Paths = str | Path | Sequence[str | Path]
LABELS = ("model", "revision", "family", "size", "step", "tags", "template")
"""What tells groups apart, in this order: the first columns of tables."""
NOT_SCORED = "not scored"


@dataclass(frozen=True)
class Group:
    """The rows of a checkpoint under one template.

    Attributes:
        labels: the values of `LABELS`.
        datasets: names of all data sets that it ought to have, in order.
        lacking: those that can't be used, by name, each with the reason.
        skipped: how many questions of each were left out since they can't be scored; empty where nothing says so.
        scan: takes names of columns; tables of the rows of the data sets that can be used, of whole questions.
        metadata: of a study, what it knows of the metadata of these rows.
        runs: the manifests of the runs that these rows are of. Of a file that has none: "metadata", that of its rows.
    """

    labels: Mapping[str, Any]
    datasets: Sequence[str | None]
    lacking: Mapping[str | None, str]
    skipped: Mapping[str | None, int]
    scan: Callable[[Sequence[str]], Iterator[pa.Table]]
    metadata: Mapping[str, str] = field(default_factory=dict)
    runs: Sequence[Mapping[str, Any]] = ()

    @property
    def name(self) -> str:
        """For messages."""
        parts = [
            f"{key} {self.labels[key]}" for key in ("revision", "step", "template") if self.labels[key] is not None
        ]
        return ", ".join([str(self.labels["model"]), *parts])


@dataclass(frozen=True)
class Source:
    """A study, a run or a file of rows.

    Attributes:
        groups: in the order of its checkpoints and templates.
        study: what study.json holds; empty where it is no study.
        path: where it is, a path or a URL.
    """

    groups: Sequence[Group]
    study: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""


def open_sources(paths: Paths) -> list[Source]:
    """The sources that paths or URLs name.

    Args:
        paths: of a study's folder, a run's folder or a Parquet file of rows; or several of them.

    Raises:
        FileNotFoundError: there is no such file, or a folder with neither study nor run.
        ValueError: a damaged file, which the message names; no path at all.
    """
    listed = [paths] if isinstance(paths, str | Path) else list(paths)
    if not listed:
        raise ValueError("path is empty: name a study's folder, a run or a file of rows")
    return [_open(path) for path in listed]


def _open(path: str | Path) -> Source:
    place = locate(path)
    if is_study(path):
        return _study(path)
    if place.is_folder() and read_manifest(place) is None:
        raise FileNotFoundError(f"{place} holds neither a study nor a run: name the folder of one, or a file of rows")
    return Source(_plain_groups(path, place), path=str(path))


def _study(path: str | Path) -> Source:
    folder = StudyFolder(path)
    study = folder.read()
    cells = folder.cells(study)
    refuses = study.get("scoring", {}).get("on_error", "raise") == "raise"
    groups = [
        _of_cells(folder, list(own), refuses)
        for _, own in groupby(cells, key=lambda cell: (cell.model["key"], cell.template["name"]))
    ]
    return Source(groups, study, folder.path)


def _of_cells(folder: StudyFolder, cells: Sequence[Cell], refuses: bool) -> Group:
    """The group of the cells of a checkpoint and a template."""
    lacking: dict[str | None, str] = {}
    skipped: dict[str | None, int] = {}
    runs: dict[str, list[str]] = {}
    manifests: dict[str, Mapping[str, Any]] = {}
    for cell in cells:
        name = cell.dataset["name"]
        stored = None if cell.run is None else cell.run.stored(cell.dataset)
        if cell.run is None or stored is None:
            lacking[name] = NOT_SCORED
            continue
        skipped[name] = int(stored.get("skipped", 0))
        if skipped[name] and refuses:
            lacking[name] = f"{skipped[name]} questions can't be scored"
            continue
        runs.setdefault(cell.run.name, []).append(name)
        manifests[cell.run.name] = cell.run.manifest

    def scan(columns: Sequence[str]) -> Iterator[pa.Table]:
        for name, own in runs.items():
            try:
                yield from scan_run(folder.run_path(name), columns, datasets=own)
            except ValueError as error:
                # What is stored is told by manifests, so that no sweep goes on with a run that lost a part.
                remedy = f"remove the folder {folder.run_path(name)} and run the sweep again, which scores it anew"
                raise ValueError(f"{error}. If a part is gone or damaged, {remedy}") from None

    model = cells[0].model
    size = model.get("size")
    labels = {
        "model": model["name"],
        "revision": model.get("revision"),
        "family": model.get("family"),
        "size": None if size is None else float(size),
        "step": model.get("step"),
        "tags": json.dumps(model.get("tags") or {}, sort_keys=True, ensure_ascii=False),
        "template": cells[0].template["name"],
    }
    metadata = next((_metadata(cell.run.manifest["settings"]) for cell in cells if cell.run is not None), {})
    datasets = [cell.dataset["name"] for cell in cells]
    return Group(labels, datasets, lacking, skipped, scan, metadata, list(manifests.values()))


def _metadata(settings: Mapping[str, Any]) -> dict[str, str]:
    """What a run's settings say of how its rows were scored, as the metadata of rows calls it."""
    of = settings.get("fingerprint", {})
    told = {name: settings.get(name) for name in ("template", "dtype", "add_bos_token")}
    told |= {"tokenizer_hash": of.get("tokenizer"), "template_hash": of.get("prompts")}
    return {name: str(value) for name, value in told.items() if value is not None}


def _plain_groups(path: str | Path, place: Place) -> list[Group]:
    """The groups of rows that no study tells of: as `summarize_rows` averages them."""
    names = _read(path, place, [*RUN_KEY, "dataset"])
    table = names.group_by([*RUN_KEY, "dataset"], use_threads=False).aggregate([])
    found = list(zip(*(table[name].to_pylist() for name in (*RUN_KEY, "dataset")), strict=True))
    if not found:
        raise ValueError(f"{place} holds no rows: there is nothing to summarise")
    groups, manifests = [], [_manifest_of(place, metadata_of(names))]
    for model in dict.fromkeys(key[1:4] for key in found):
        runs: dict[str, list[str | None]] = {}
        for run_id, *own, dataset in found:
            if tuple(own) == model:
                runs.setdefault(run_id, []).append(dataset)
        datasets = [name for own in runs.values() for name in own]
        together = len(set(datasets)) == len(datasets)
        template = metadata_of(names).get("template")
        for ids in [list(runs)] if together else [[run] for run in runs]:
            own = [name for run in ids for name in runs[run]]
            groups.append(replace(_plain_group(path, place, model, ids, own, template), runs=manifests))
    return groups


def _manifest_of(place: Place, metadata: Mapping[str, str]) -> dict[str, Any]:
    """The manifest of a run, or of a file that a run was merged to; "metadata" alone where there is none."""
    found = read_manifest(place) if place.is_folder() else None
    if MANIFEST_ENTRY in metadata:
        with suppress(ValueError):
            found = check_manifest(json.loads(metadata[MANIFEST_ENTRY]), str(place))
    of_rows = {name: text for name, text in metadata.items() if name != MANIFEST_ENTRY}
    return {**(found or {}), "metadata": {**of_rows, **(found or {}).get("metadata", {})}}


def _plain_group(
    path: str | Path,
    place: Place,
    model: tuple[Any, ...],
    ids: Sequence[str],
    datasets: Sequence[str | None],
    template: str | None,
) -> Group:
    name, revision, step = model

    def scan(columns: Sequence[str]) -> Iterator[pa.Table]:
        import pyarrow as pa

        table = _read(path, place, [*dict.fromkeys([*columns, *RUN_KEY])])
        keep = np.ones(table.num_rows, dtype=bool)
        for column, values in (("run_id", ids), ("model", [name]), ("revision", [revision]), ("step", [step])):
            codes, known = encode(table[column].combine_chunks())
            keep &= np.array([value in values for value in known.to_pylist()], bool)[codes]
        yield table.select(columns).filter(pa.array(keep))

    labels = {"model": name, "revision": revision, "family": None, "size": None, "step": step, "tags": None}
    return Group({**labels, "template": template}, datasets, {}, {}, scan)


def _read(path: str | Path, place: Place, columns: Sequence[str]) -> pa.Table:
    """Columns of all rows of a run or a file, with the metadata of the rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if place.is_folder():
        manifest = read_manifest(place) or {}
        tables = list(scan_run(path, columns))
        template = manifest.get("settings", {}).get("template")
        table = pa.concat_tables(tables) if tables else some_columns(pa.table({}), columns, str(place))
        return table.replace_schema_metadata({} if template is None else {"template": str(template)})
    if not place.is_file():
        raise FileNotFoundError(f"no such file: {place}")
    try:
        with place.open() as file:
            parquet = pq.ParquetFile(file, page_checksum_verification=True)
            schema = parquet.schema_arrow
            as_rows(schema.empty_table(), str(place))
            found = parquet.read([name for name in columns if name in schema.names])
        found.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{place} is not a Parquet file of rows, or damaged: {str(error).splitlines()[0]}") from None
    return some_columns(found, columns, str(place)).replace_schema_metadata(schema.metadata)
