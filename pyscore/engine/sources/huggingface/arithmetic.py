"""How a model's arithmetic runs: in the dtype of the model, whatever the caller has switched on for its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

__all__ = ["default_dtype", "plain_arithmetic"]

_AUTOCAST = ("cpu", "cuda", "xpu", "mps", "hpu")

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def plain_arithmetic(run: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Run a function without gradients and without autocast.

    Autocast would round what a float32 model computes to bfloat16, while rows say float32. It is turned off for the
    call only, not for a run: it is a setting of the thread, which reads the stream of a run in between.
    """

    @wraps(run)
    def plain(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with ExitStack() as settings:
            for kind in _AUTOCAST:
                if torch.is_autocast_enabled(kind):
                    settings.enter_context(torch.autocast(kind, enabled=False))
            settings.enter_context(torch.inference_mode())
            return run(*args, **kwargs)

    return plain


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Set torch's default dtype for a while."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
