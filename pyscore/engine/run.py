"""A run that is written while it goes on, and taken up again where it stopped."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from pyscore._version import __version__
from pyscore.engine.blocks import WINDOW_QUESTIONS
from pyscore.engine.requests import check_run, checked_questions, dataset_of
from pyscore.engine.rows import RunInfo
from pyscore.engine.scorer import Scorer
from pyscore.engine.turns import turn
from pyscore.store import RunStore, is_merged, question_key, remove_run, row_schema
from pyscore.tasks import ChatTemplate, Question, render

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["run_folder", "score_to"]


def score_to(
    scorer: Scorer,
    path: str,
    questions: Iterable[Question],
    *,
    resume: bool = False,
    template: str | ChatTemplate = "plain",
    truncate: bool = False,
    token_logprobs: bool = False,
    dataset: str | None = None,
    step: int | None = None,
    progress: bool = True,
    arguments: Mapping[str, Any] | None = None,
    window_questions: int = WINDOW_QUESTIONS,
) -> None:
    """Score questions into the folder of a run, or a file, part by part, while the model runs.

    With ``resume``, only questions whose rows aren't there run, in the same batches as if the run had never stopped, so
    that their values are the same bit for bit on the same machine.

    Args:
        scorer: the model.
        path: the run's folder, a path or an fsspec URL; see `pyscore.store.RunStore`. A name that ends in ".parquet" is
            one file instead, which appears when the run is finished; until then its parts are in the folder
            "<path>.run".
        questions: as for `Scorer.score`, all of them, whether they are stored or not.
        resume: go on with the run that is there; begin one where there is none.
        template, truncate, token_logprobs, dataset, step, progress: as for `Scorer.score`.
        arguments: what the manifest is to say of this call besides, as JSON.
        window_questions: how many questions are planned together and become one part.

    Raises:
        FileExistsError: there is a run, and ``resume`` is False.
        ValueError: the run was begun with other settings (each is named), or holds questions that are not asked for; as
            for `Scorer.score`. What is stored stays.
        BlockingIOError: another process writes this run.
    """
    check_run(dataset, None, step, None)
    questions = checked_questions(questions, dataset)
    asked = _keys(questions, scorer, template, dataset)
    fingerprint = scorer.fingerprint(template)
    described = scorer.describe(template, questions, fingerprint)
    settings = {
        **{name: described[name] for name in _SETTINGS},
        **{"fingerprint": fingerprint, "revision": scorer.revision, "step": step},
        **{
            "batch_tokens": scorer.asked_batch_tokens,
            "truncate": truncate,
            "token_logprobs": token_logprobs,
            "window_questions": window_questions,
        },
    }
    versions = {"pyscore": __version__, "torch": described["torch_version"]}
    asked_for = {"model": scorer.name, "commit": described.get("commit"), "arguments": dict(arguments or {})}
    manifest = {"settings": settings, "versions": versions, **asked_for}
    folder = run_folder(path)
    one_file = folder != path
    if one_file and is_merged(path, settings, asked, resume=resume):
        remove_run(folder)
        return
    with (
        turn(scorer.model),
        RunStore.open(folder, manifest, resume=resume) as store,
        _removed_if_empty(store),
    ):
        done = store.positions()
        _check_asked(done, asked, folder)
        if any(done.get(key, i) != i for i, key in enumerate(asked)):
            store.reorder(asked)
        run_id = store.manifest.get("run_id")
        if run_id is None:
            run_id = uuid.uuid4().hex
            store.update(run_id=run_id, model=scorer.name)
        scorer.begin()
        scorer.attention.restore(store.manifest.get("attention"))
        scorer.use_batch_tokens(store.manifest.get("batch_tokens", scorer.batch_tokens))
        store.update(batch_tokens=scorer.batch_tokens)
        # However the model is called now, its rows have one name: the fingerprint tells that it is the same.
        info = RunInfo(run_id, store.manifest["model"], scorer.revision, step, dataset)
        windows = scorer.stream(
            questions,
            info,
            template=template,
            truncate=truncate,
            token_logprobs=token_logprobs,
            progress=progress,
            done=[i for i, key in enumerate(asked) if key in done],
            window_questions=window_questions,
        )
        with closing(windows), _Writer(store) as writer:
            for indices, table in windows:
                findings = scorer.findings()
                metadata = row_schema(metadata=described | findings).metadata
                rows = table.replace_schema_metadata(metadata)
                entries = {"attention": scorer.attention.state, "metadata": findings}
                writer.put(rows, [asked[i] for i in indices], indices, entries)
        store.finish(path if one_file else None)


def run_folder(path: str) -> str:
    """Where `score_to` keeps the parts of a run: a folder beside the file that the path names, or the path itself."""
    return f"{path}.run" if path.endswith(".parquet") else path


# Of the metadata of rows, what values depend on; what a self-check finds out follows from these.
_SETTINGS = ("template", "dtype", "device", "backend", "add_bos_token")


@contextmanager
def _removed_if_empty(store: RunStore) -> Iterator[None]:
    """A run that fails before it has stored anything leaves nothing behind; one that is another's now stays."""
    try:
        yield
    except BlockingIOError:
        raise
    except BaseException:
        with suppress(OSError, ValueError):  # what made the run fail is what has to be told
            store.discard_if_empty()
        raise


class _Writer:
    """Writes parts in a thread, one after the other, while the model runs; a failure is raised at the next call."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="pyscore-writer")
        self._last: Future[None] | None = None

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *error: object) -> None:
        # What was scored is stored also where the next window fails.
        self._pool.shutdown(wait=True)
        if error[0] is None:
            self._wait()

    def put(self, rows: pa.Table, keys: list[str], positions: list[int], entries: dict[str, Any]) -> None:
        self._wait()
        self._last = self._pool.submit(self._write, rows, keys, positions, entries)

    def _wait(self) -> None:
        if self._last is not None:
            self._last.result()

    def _write(self, rows: pa.Table, keys: list[str], positions: list[int], entries: dict[str, Any]) -> None:
        # Before the part: a run that goes on after it has to go on in the same way.
        if any(self._store.manifest.get(name) != entry for name, entry in entries.items()):
            self._store.update(**entries)
        self._store.write(rows, keys, positions)


def _keys(
    questions: Sequence[Question], scorer: Scorer, template: str | ChatTemplate, dataset: str | None
) -> list[str]:
    return [
        question_key(
            dataset_of(question, dataset),
            question.id,
            render(template, question, scorer.tokenizer),
            question.answers,
            question.is_matching,
            question.cluster,
            question.group,
        )
        for question in questions
    ]


def _check_asked(done: Mapping[str, int], asked: Sequence[str], path: str) -> None:
    other = len(done.keys() - set(asked))
    if other:
        raise ValueError(
            f"{path} holds {other} questions that are not asked for now (removed, or edited since): "
            "ask for all that it holds, or name another output"
        )
