"""A run that is written while it goes on, and taken up again where it stopped."""

from __future__ import annotations

import os
import uuid
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from pyscore.engine.asked import Asked
from pyscore.engine.chunks import CHUNK_QUESTIONS, score_chunks
from pyscore.engine.prepared import PreparedRun, prepare_run
from pyscore.engine.rows import RunInfo
from pyscore.engine.scorer import Scorer
from pyscore.engine.sessions import open_session
from pyscore.engine.settings import check_text
from pyscore.engine.skipping import SKIPPED, Skips, skipped_file
from pyscore.engine.sources.source import Session
from pyscore.engine.turns import turn
from pyscore.store import RunStore, row_schema, run_folder
from pyscore.store.files import locate
from pyscore.store.growing import finished_file
from pyscore.store.manifest import DATASETS, SET_ASIDE, check_fields, read_manifest
from pyscore.tasks import ChatTemplate, Question

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["score_to", "write_run"]


def score_to(
    scorer: Scorer,
    path: str | os.PathLike[str],
    questions: Iterable[Question],
    *,
    resume: bool = False,
    template: str | ChatTemplate = "plain",
    truncate: bool = False,
    on_error: str = "raise",
    token_logprobs: bool = False,
    dataset: str | None = None,
    run_id: str | None = None,
    step: int | None = None,
    progress: bool | Callable[[float], None] = True,
    arguments: Mapping[str, Any] | None = None,
    chunk_questions: int = CHUNK_QUESTIONS,
    keep_others: bool = False,
) -> None:
    """Score questions into the folder of a run, or a file, part by part, while the model runs.

    With ``resume``, only questions whose rows aren't there run, in the same batches as if the run had never stopped, so
    that their values are the same bit for bit on the same machine.

    Args:
        scorer: the model.
        path: the run's folder, a path or an fsspec URL; see `pyscore.store.RunStore`. A name that ends in ".parquet" is
            one file instead, which appears when the run is finished; until then its parts are in the folder
            "<path>.run". With ``resume`` a finished file goes on there too, and stays as it is until it is replaced.
        questions: as for `Scorer.score`, all of them, whether they are stored or not.
        resume: go on with the run that is there; begin one where there is none.
        template, truncate, token_logprobs, dataset, run_id, step, progress: as for `Scorer.score`.
        on_error: as for `Scorer.score`. With "skip", questions that can't be scored are tried again whenever the run is
            resumed; they are named in the rows' metadata, and in the file "skipped.jsonl" of the run's folder, or
            "<path>.skipped.jsonl" beside the one file.
        arguments: what the manifest is to say of this call besides, as JSON.
        chunk_questions: how many questions are planned together and become one part.
        keep_others: let a folder hold data sets that are not asked for now, which stay as they are. Each data set is
            asked for whole: stored questions of it that are no longer among its questions are set aside, that is,
            readers leave them out until they are asked for again.

    Raises:
        ValueError: the run was begun with other settings (each is named), or holds questions that are not asked for,
            and not ``keep_others``; ``keep_others`` with a file; as for `Scorer.score`. What is stored stays.
        FileExistsError: there is a run, and ``resume`` is False; or something else wrote the file meanwhile.
        BlockingIOError: another process writes this run.
    """
    prepared = prepare_run(
        scorer,
        questions,
        template=template,
        truncate=truncate,
        on_error=on_error,
        token_logprobs=token_logprobs,
        dataset=dataset,
        step=step,
        chunk_questions=chunk_questions,
    )
    check_text(run_id, "run_id")
    write_run(
        scorer,
        path,
        prepared,
        resume=resume,
        run_id=run_id,
        progress=progress,
        arguments=arguments,
        keep_others=keep_others,
    )


def write_run(
    scorer: Scorer,
    path: str | os.PathLike[str],
    prepared: PreparedRun,
    *,
    resume: bool = False,
    run_id: str | None = None,
    progress: bool | Callable[[float], None] = True,
    arguments: Mapping[str, Any] | None = None,
    keep_others: bool = False,
) -> None:
    """`score_to` of questions that `prepare_run` prepared for this scorer; the other arguments are those of it."""
    path = os.fspath(path)
    if keep_others and run_folder(path) != path:
        raise ValueError(f"keep_others=True is for folders: {path} names one file, which holds all of its run")
    asked, skips = prepared.asked, prepared.skips
    manifest = {**prepared.manifest, "arguments": dict(arguments or {})}
    folder = run_folder(path)
    target = None if folder == path else path
    earlier = None if target is None else finished_file(target, manifest["settings"], resume=resume)
    if earlier is not None:
        kept = asked.positions_in(earlier)
        _run_id(earlier.manifest.get("run_id"), run_id, path)
        if kept and len(kept) == len(asked.questions) and read_manifest(locate(folder)) is None:
            return
    names = {"run_id": run_id or uuid.uuid4().hex, "model": scorer.name}
    with (
        turn(scorer.source),
        RunStore.open(folder, manifest, resume=resume, earlier=earlier, entries=names) as store,
        _removed_if_empty(store),
    ):
        contents = asked.contents()
        _set_aside(store, asked, contents, folder, keep_others)
        if earlier is not None:
            store.take_up([asked.keys[i] for i in kept], kept)
        info = _info(scorer, store, folder, run_id)
        places = _places(store, asked.keys)
        done = store.positions()
        with open_session(scorer.source, store.manifest.get("state", {}), prepared.metadata) as session:
            left_out = [i for i, key in enumerate(asked.keys) if key in done]
            chunks = score_chunks(
                session,
                scorer.tokens,
                asked.questions,
                prepared.settings,
                info,
                done=left_out,
                skips=skips,
                progress=progress,
                chunk_questions=prepared.chunk_questions,
            )
            others = Skips("skip").with_others(store.manifest.get("metadata", {}), contents).metadata()
            _store(chunks, session, store, asked.keys, places, prepared.metadata, others)
        told = skips.with_others(others, contents)
        told.write(skipped_file(path))
        store.finish(target, _noted(store, skips, told, contents))


def _set_aside(
    store: RunStore, asked: Asked, contents: Mapping[str, dict[str, Any]], folder: str, keep_others: bool
) -> None:
    """Refuse a run that holds other questions, or set aside those that asked ones stand for.

    The manifest's entries of data sets whose rows are about to change go at the same moment. A run that is stopped
    before it is finished holds neither the questions of before nor all of those that are asked for, and such an entry
    would call them stored as soon as the data set's file has its old content again.
    """
    before, stored = set(store.manifest.get(SET_ASIDE, ())), store.positions()
    done = {key: place for key, place in stored.items() if key not in before}
    if keep_others:
        aside = before.union(asked.not_asked(folder, done)).difference(asked.keys)
    else:
        asked.check_run(folder, done)
        aside = before.difference(asked.keys)
    noted, changing = store.manifest.get(DATASETS, {}), asked.unfinished(stored)
    changing |= {name for name, own in contents.items() if not own.items() <= noted.get(name, {}).items()}
    if aside != before or changing & noted.keys():
        kept = {name: entry for name, entry in noted.items() if name not in changing}
        store.update(**{SET_ASIDE: sorted(aside)} if aside != before else {}, **{DATASETS: kept} if noted else {})


def _places(store: RunStore, keys: Sequence[str]) -> list[int]:
    """Where each question stands in the run: after the others, in the order in which they are asked for."""
    done = store.positions()
    asked = set(keys)
    others = sorted(done.keys() - asked, key=lambda key: done[key])
    first = 1 + max((done[key] for key in others), default=-1)
    if any(done.get(key, first + i) != first + i for i, key in enumerate(keys)):
        store.reorder([*others, *keys])
        first = len(others)
    return list(range(first, first + len(keys)))


def _info(scorer: Scorer, store: RunStore, folder: str, asked: str | None) -> RunInfo:
    """What the rows of a run have in common; the names are those that the run and its model had when it began.

    That the model is the same, the fingerprint tells.
    """
    run_id = _run_id(store.manifest.get("run_id"), asked, folder)
    if not store.positions() and "run_id" not in store.manifest:
        store.update(run_id=run_id, model=scorer.name)
    _check_names(store, folder)
    return RunInfo(store.manifest["run_id"], store.manifest["model"], scorer.revision)


def _store(
    chunks: Generator[tuple[list[int], pa.Table], None, None],
    session: Session,
    store: RunStore,
    keys: Sequence[str],
    places: Sequence[int],
    described: Mapping[str, str],
    kept: Mapping[str, str],
) -> None:
    """Store each chunk of rows as one part, with what the session found out until then, while the next one runs.

    ``keys`` and ``places`` are of all questions that are asked for; see `_places`. ``kept`` is what the manifest's
    metadata says besides.
    """
    writing: Future[None] | None = None
    # What was scored is stored even where a later chunk fails: leaving the pool waits for the writer.
    with closing(chunks), ThreadPoolExecutor(1, thread_name_prefix="pyscore-writer") as pool:
        for indices, rows in chunks:
            metadata = row_schema(metadata={**described, **session.findings}).metadata
            part = rows.replace_schema_metadata(metadata), [keys[i] for i in indices], [places[i] for i in indices]
            entries = {"state": session.state, "metadata": {**session.findings, **kept}}
            if writing is not None:
                writing.result()
            writing = pool.submit(_write, store, entries, part)
        if writing is not None:
            writing.result()


def _write(store: RunStore, entries: Mapping[str, Any], part: tuple[pa.Table, list[str], list[int]]) -> None:
    # The state is written before the part: a run that goes on after this part must not find an older one.
    if any(store.manifest.get(name) != entry for name, entry in entries.items()):
        store.update(**entries)
    store.write(*part)


def _noted(store: RunStore, skips: Skips, told: Skips, contents: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """What a finished run's manifest is to say, of what it left out and of each data set.

    What it left out this time stands in place of what it left out of these data sets before; the questions of each data
    set that it has scored now, beside those of data sets that it scored before.
    """
    manifest = store.manifest
    found = {name: text for name, text in manifest.get("metadata", {}).items() if name != SKIPPED}
    skipped = Counter(question.dataset or "" for question in skips.found)
    datasets = {name: {**entry, "skipped": skipped[name]} for name, entry in contents.items()}
    return {"metadata": found | told.metadata(), DATASETS: manifest.get(DATASETS, {}) | datasets}


@contextmanager
def _removed_if_empty(store: RunStore) -> Iterator[None]:
    """A run that fails before it has stored anything leaves nothing behind; one that is another's now stays."""
    try:
        yield
    except BlockingIOError:
        raise
    except BaseException:
        with suppress(OSError, ValueError):  # the error to be told is the one that made the run fail
            store.discard_if_empty()
        raise


def _run_id(stored: str | None, asked: str | None, path: str) -> str:
    if stored is not None and asked not in (None, stored):
        raise ValueError(f"{path} has the run_id {stored!r}, not {asked!r}: leave it out to go on with this run")
    return stored or asked or uuid.uuid4().hex


def _check_names(store: RunStore, folder: str) -> None:
    """Raise ValueError unless the manifest has what a run goes on with, by the names that its rows have."""
    manifest, name = store.manifest, f"the manifest in {folder}"
    check_fields(manifest, name, "", {"run_id": str, "model": str})
    check_fields(manifest, name, "", {"state": dict}, optional=True)
    rows = store.first_rows()
    if rows is None:
        return
    for entry in ("run_id", "model"):
        stored = rows[entry][0].as_py()
        if manifest[entry] != stored:
            raise ValueError(
                f"{name} is damaged: its entry {entry} is {manifest[entry]!r}, and its rows have {stored!r}. "
                "Put back what the rows have, or name another output"
            )
