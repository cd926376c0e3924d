"""An S3 of this machine (moto's) that fails as object stores do."""

from __future__ import annotations

import importlib
import json
import os
import random
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import fsspec

_WRITES = ("PUT", "POST", "DELETE")


class Faults:
    """What of an S3's requests goes wrong.

    Args:
        rate: the share of writes that fail.
        conditions: what becomes of a write that is to succeed only where there is no such object: "kept" as S3 does,
            "ignored", as older servers do, or "refused" as not implemented.
        seed: of the random choice.
    """

    def __init__(self, rate: float = 0.0, conditions: str = "kept", seed: int = 0) -> None:
        self.rate, self.conditions = rate, conditions
        self.n_failed = self.n_writes = 0
        self._random, self._lock = random.Random(seed), threading.Lock()

    def around(self, app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        """A WSGI application with these faults."""

        def faulty(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
            if "HTTP_IF_NONE_MATCH" in environ and self.conditions == "ignored":
                del environ["HTTP_IF_NONE_MATCH"]
            if "HTTP_IF_NONE_MATCH" in environ and self.conditions == "refused":
                return _error(start, "501 Not Implemented", "NotImplemented", "This functionality is not implemented")
            how = self._choose() if environ["REQUEST_METHOD"] in _WRITES else None
            if how == "reset":
                raise ConnectionAbortedError("the connection is closed without an answer")
            if how == "lost":  # done, and the answer doesn't arrive
                list(app(environ, lambda *_: lambda _: None))
            if how is not None:
                return _error(start, "500 Internal Server Error", "InternalError", "We encountered an internal error")
            return app(environ, start)

        return faulty

    def _choose(self) -> str | None:
        with self._lock:
            self.n_writes += 1
            if self._random.random() >= self.rate:
                return None
            self.n_failed += 1
            return self._random.choice(["refused", "lost", "reset"])


@contextmanager
def object_store(faults: Faults) -> Iterator[dict[str, str]]:
    """An S3 with an empty bucket "bucket", which s3:// names in this process; the environment that others need."""
    from werkzeug.serving import make_server

    moto: Any = importlib.import_module("moto.server")
    file_system = fsspec.get_filesystem_class("s3")
    app = faults.around(moto.DomainDispatcherApplication(moto.create_backend_app))
    rate, faults.rate = faults.rate, 0.0
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_quiet(moto.MotoRequestHandler))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    options = {"endpoint_url": f"http://127.0.0.1:{server.server_port}", "key": "testing", "secret": "testing"}
    known = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_DEFAULT_REGION": "us-east-1", "FSSPEC_S3": json.dumps(options)}
    try:
        with mock.patch.dict(fsspec.config.conf, {"s3": options}), mock.patch.dict(os.environ, known):
            file_system.clear_instance_cache()
            files = fsspec.filesystem("s3")
            if files.exists("bucket"):  # moto keeps what another server of this process held
                files.rm("bucket", recursive=True)
            files.mkdir("bucket")
            faults.rate = rate
            yield known
    finally:
        file_system.clear_instance_cache()
        server.shutdown()
        thread.join()
        server.server_close()


def _quiet(handler: Any) -> Any:
    class Quiet(handler):
        def log(self, *_: Any) -> None:
            pass

    return Quiet


def _error(start: Callable[..., Any], status: str, code: str, message: str) -> Iterable[bytes]:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
    return [body]
