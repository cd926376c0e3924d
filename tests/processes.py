"""Processes that start at once, though what they run imports torch."""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import ForkServerContext

_RUN_IN_PROCESSES = [
    "tests.engine.test_kill",
    "tests.integrations.test_callback_ranks",
    "tests.ops.test_shards",
    "tests.store.test_kill",
    "tests.sweep.kills",
]


def forkserver() -> ForkServerContext:
    """Forks processes off a server, of which there is one: it imports what the tests of all files need, once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_RUN_IN_PROCESSES)
    return context
