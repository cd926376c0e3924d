"""A manifest says what a run's values depend on, and keeps runs apart that differ in it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pyscore.store import RunStore, read_rows, remove_run, write_rows
from pyscore.store.files import locate
from pyscore.store.growing import finished_file
from pyscore.store.reading import merge
from tests.store import stores
from tests.store.stores import begin, keys_of, manifest_of, rows_of


def test_a_run_is_never_resumed_with_other_settings(run: Path | str) -> None:
    begin(run, settings={"model": "m", "dtype": "float32", "template": "plain"}).close()
    before = manifest_of(run)
    with pytest.raises(ValueError) as refused:
        begin(run, settings={"model": "m", "dtype": "bfloat16", "batch_tokens": 64}, resume=True)
    assert (
        "other settings: batch_tokens was not given and is 64; dtype was 'float32' and is 'bfloat16'; "
        "template was 'plain' and is not given."
    ) in str(refused.value)
    assert manifest_of(run) == before
    begin(run, settings=before["settings"], resume=True).close()


def test_settings_that_json_changes_are_still_the_same_settings(run: Path | str) -> None:
    settings = {"stops": ("a", "b"), "scale": 0.1, "nested": {"pair": (1, None)}}
    begin(run, settings=settings).close()
    begin(run, settings=settings, resume=True).close()
    with pytest.raises(ValueError, match=r"stops was \['a', 'b'\] and is \['b', 'a'\]"):
        begin(run, settings={**settings, "stops": ("b", "a")}, resume=True)


def test_the_manifest_notes_every_session_and_what_was_added(run: Path | str) -> None:
    with begin(run, versions={"torch": "2.13.0"}, arguments=["a.jsonl"]) as store:
        store.update(head="fused", note=[1])
        store.update(head="logits")
        assert store.manifest["head"] == "logits"
        store.manifest["head"] = "a copy is changed, not the manifest"
    with begin(run, resume=True, versions={"torch": "2.14.0"}) as store:
        assert store.manifest == manifest_of(run)
        store.finish()
        assert store.manifest == manifest_of(run)
    found = manifest_of(run)
    assert (found["settings"], found["head"], found["note"], found["complete"]) == (
        stores.SETTINGS,
        "logits",
        [1],
        True,
    )
    assert [session["versions"]["torch"] for session in found["sessions"]] == ["2.13.0", "2.14.0"]
    assert found["sessions"][0]["arguments"] == ["a.jsonl"]
    assert found["sessions"][0]["started"] <= found["sessions"][1]["started"] <= found["finished"]


def test_manifests_that_cannot_be_written_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    cases: list[tuple[Any, type[Exception], str]] = [
        ([], TypeError, "manifest must be a mapping, got list"),
        ({"model": "m"}, ValueError, 'manifest has no "settings"'),
        ({"settings": "m"}, TypeError, r'manifest\["settings"\] must be a mapping, got str'),
        ({"settings": {"dtype": object()}}, TypeError, "entry 'dtype' can't be written as JSON"),
        ({"settings": {"scale": float("nan")}}, TypeError, "entry 'scale' can't be written as JSON"),
        ({"settings": {1: 2}}, TypeError, "names in the manifest must be strings, got 1"),
        ({"settings": {}, "started": "now"}, ValueError, "an entry 'started' of its own"),
    ]
    for manifest, error, message in cases:
        with pytest.raises(error, match=message):
            RunStore.open(tmp_path / "run", manifest)
    assert os.listdir(tmp_path) == []
    with begin(tmp_path / "run") as store:
        before = manifest_of(tmp_path / "run")
        for name in ("settings", "sessions", "complete"):
            with pytest.raises(ValueError, match=f"an entry '{name}' of its own"):
                store.update(**{name: 1})
        with pytest.raises(TypeError, match="entry 'head' can't be written"):
            store.update(head=object())
    assert manifest_of(tmp_path / "run") == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"format": "pysc', "is damaged, or no manifest"),
        (b"\xff\xfe", "is damaged, or no manifest"),
        (b'{"name": "a web page"}', "is not the manifest of a run"),
        (b'{"format": "pyscore run", "version": 2}', "is of version 2, this pyscore reads version 1"),
    ],
)
def test_manifests_of_others_are_refused_by_name(tmp_path: Path, content: Any, message: str) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    for resume in (False, True):
        with pytest.raises(ValueError, match=rf"manifest\.json {message}"):
            begin(tmp_path, resume=resume)
    with pytest.raises(ValueError, match=rf"manifest\.json {message}"):
        read_rows(tmp_path)
    assert (tmp_path / "manifest.json").read_bytes() == content


FINGERPRINT = {"weights": "w", "tokenizer": "t", "chat_template": "c", "prompts": "p"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fingerprint": FINGERPRINT | {"weights": "v"}}, "settings: the weights of the model differ. Resume"),
        ({"fingerprint": FINGERPRINT | {"adapter": "a"}}, "settings: the adapter of the model differs. Resume"),
        ({"fingerprint": FINGERPRINT | {"new": "n"}}, "settings: new differs. Resume"),
        (
            {"fingerprint": FINGERPRINT | {"weights": "v"}, "dtype": "bfloat16"},
            "settings: dtype was 'float32' and is 'bfloat16'. Resume",
        ),
        (
            {"fingerprint": FINGERPRINT | {"chat_template": "d", "prompts": "q"}},
            "settings: the tokenizer's chat template differs. Resume",
        ),
        (
            {"fingerprint": FINGERPRINT | {"prompts": "q"}},
            r"settings: the prompts that the template renders differ\. The same question gives another prompt now.*"
            r"--template-date \d{4}-\d\d-\d\d or --template-arg.*ChatTemplate\(date=",
        ),
    ],
)
def test_what_differs_between_fingerprints_is_named_by_its_cause(run: Path | str, settings: Any, message: str) -> None:
    own = {"dtype": "float32", "fingerprint": FINGERPRINT}
    begin(run, settings=own).close()
    with pytest.raises(ValueError, match=message):
        begin(run, settings=own | settings, resume=True)


def test_a_chat_template_whose_date_was_pinned_to_the_runs_own_goes_on(run: Path | str) -> None:
    own = {"template": "chat", "fingerprint": FINGERPRINT}
    begin(run, settings=own).close()
    begin(run, settings=own | {"template": "chat, date 2026-11-29"}, resume=True).close()


def test_a_run_without_a_fingerprint_is_not_gone_on_with(run: Path | str) -> None:
    begin(run, settings={"model": "m"}).close()
    with pytest.raises(ValueError, match=r"kept no fingerprint of the model.*name another output"):
        begin(run, settings={"model": "m", "fingerprint": FINGERPRINT}, resume=True)


def broken_manifests(path: Any = (), entries: Any = None) -> Iterator[Any]:
    """Ways to spoil a manifest: the path of an entry, and whether it is missing (None) or has another type."""
    entries = EXAMPLE if entries is None else entries
    for name, value in entries.items():
        yield (*path, name), None
        yield (*path, name), 3.5
        if isinstance(value, dict):
            yield from broken_manifests((*path, name), value)


EXAMPLE = {
    **{"format": "", "version": 1, "complete": True, "settings": {"fingerprint": {}}, "metadata": {"head": "fused"}},
    "stored": {"questions": 1, "keys_sha256": ""},
    "sessions": [],
}
MAY_LACK = {("settings", "fingerprint"), ("metadata",), ("metadata", "head")}


def spoil(manifest: Any, path: Any, value: Any) -> None:
    for name in path[:-1]:
        manifest = manifest[name]
    if value is None:
        del manifest[path[-1]]
    else:
        manifest[path[-1]] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *((path, value) for path, value in broken_manifests() if value is not None or path not in MAY_LACK),
        *(((("sessions", 0, name)), value) for name in ("id", "started") for value in (None, 3.5)),
        (("sessions",), []),
        (("sessions",), ["first"]),
        (("complete",), "yes"),
        (("stored", "questions"), True),
    ],
)
def test_a_manifest_that_was_edited_by_hand_is_refused_by_the_entry(tmp_path: Path, path: Any, value: Any) -> None:
    run, settings = tmp_path / "run", {"fingerprint": FINGERPRINT}
    for made in ("run", "rows.parquet"):
        with begin(run, settings=settings) as store:
            store.write(rows_of(1), keys_of(1))
            store.update(metadata={"head": "fused"})
            store.finish()
        manifest = manifest_of(run)
        spoil(manifest, path, value)
        attempts: list[Callable[[], object]]
        if made == "run":
            (run / "manifest.json").write_text(json.dumps(manifest))
            attempts = [lambda: begin(run, settings=settings, resume=True), lambda: read_rows(run)]
        else:
            target = tmp_path / made
            merge(locate(run), manifest_of(run), target)
            write_rows(with_entry(read_rows(target), "manifest", json.dumps(manifest)), target)
            attempts = [partial(finished_file, target, settings)]
        named = "is not the manifest" if path == ("format",) else "version" if path == ("version",) else path[0]
        for attempt in attempts:
            with pytest.raises(ValueError, match=rf"(manifest\.json|the manifest in .*rows\.parquet) .*{named}"):
                attempt()
        remove_run(run)


def with_entry(rows: pa.Table, name: str, text: str) -> pa.Table:
    return rows.replace_schema_metadata({**rows.schema.metadata, name.encode(): text.encode()})


def test_a_merged_files_manifest_that_is_no_json_is_named(tmp_path: Path) -> None:
    for text in ("{", "[" * 100_000):
        write_rows(with_entry(rows_of(1), "manifest", text), tmp_path / "rows.parquet")
        with pytest.raises(ValueError, match=r"the manifest in .*rows\.parquet is damaged"):
            finished_file(tmp_path / "rows.parquet", {})
