"""Which checkpoint, template and data sets a figure is of: by name, with a message that lists what exists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pyscore.results.study_runs import name_of

__all__ = ["checkpoint_name", "choose", "select"]

_SHOWN = 6  # names that a message lists


def checkpoint_name(line: Mapping[str, Any]) -> str:
    """What a study calls the checkpoint of a line of a table."""
    return name_of({key: line.get(key) for key in ("model", "revision", "step")})


def choose(argument: str, given: Any, known: Iterable[Any]) -> Any:
    """The one that is given, or the only one there is.

    Raises:
        ValueError: there is no such one; there are several and none is given; there is none at all.
    """
    names = list(dict.fromkeys(known))
    if not names:
        raise ValueError(f"data holds nothing to draw: there is no {argument} in it")
    if given is None and len(names) > 1:
        raise ValueError(f"{argument}= must be given, as there are several: {_listed(names)}")
    if given is None:
        return names[0]
    _check_there(argument, given, names)
    return given


def select(argument: str, given: str | Sequence[str] | None, known: Iterable[Any]) -> list[Any]:
    """Those that are given, a name or several, or all there are.

    Raises:
        ValueError: one is not there, or none at all is.
    """
    names = list(dict.fromkeys(known))
    wanted = names if given is None else [given] if isinstance(given, str) else list(given)
    if not names or not wanted:
        raise ValueError(f"{argument}={given!r} leaves nothing to draw; there are {_listed(names)}")
    for each in wanted:
        _check_there(argument, each, names)  # None is the name of questions that name no data set
    return wanted


def _check_there(argument: str, given: Any, names: Sequence[Any]) -> None:
    if given not in names:
        raise ValueError(
            f"{argument}={given!r} is not there; there {'is' if len(names) == 1 else 'are'} {_listed(names)}"
        )


def _listed(names: Sequence[Any]) -> str:
    more = len(names) - _SHOWN
    return (
        "; ".join(repr(name) for name in names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
        if names
        else "none"
    )
