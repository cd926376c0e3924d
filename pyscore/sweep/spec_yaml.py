"""YAML as a study file may hold it: plain values, with the line of each; mistakes are collected and told together."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

__all__ = ["Document", "Mistakes", "Where", "WrongStudyError", "nearest", "read_yaml", "written"]

Where = tuple[str | int, ...]
"""Where a value stands: keys, and positions in lists."""

_MOST_BYTES = 2**20
_MOST_VALUES = 100_000  # aliases of aliases stand for more values than any memory holds
_DEEPEST = 30
_LONGEST_NUMBER = 100
_SHOWN = 5

# The core schema of YAML 1.2: "no" and "on" are text, "1e-3" is a number, and so are dates text.
_SCALARS = {
    "null": re.compile(r"(?:~|null|Null|NULL|)\Z"),
    "bool": re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"),
    "int": re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z"),
    "float": re.compile(
        r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
    ),
}
_TAG = "tag:yaml.org,2002:"


class WrongStudyError(ValueError):
    """Mistakes in a study file.

    Attributes:
        lines: of the message, one a mistake.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


class Mistakes:
    """What is wrong with a study file, to be raised as one error.

    Args:
        name: of the file.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[Where, int] = {}
        self._found: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._found)

    def add(self, path: Where, text: str, *, line: int | None = None) -> None:
        """Note a mistake, once. Its line is that of the nearest value around it that stands in the file."""
        if line is None:
            around = next((path[:n] for n in range(len(path), -1, -1) if path[:n] in self.lines), ())
            line = self.lines.get(around, 1)
        where = f"{written(path)}: " if path else ""
        self._found.setdefault(f"{self.name}, line {line}: {where}{text}", line)

    def check(self) -> None:
        """Raise WrongStudyError if there are any: the first ones, a line each, and how many more."""
        if not self._found:
            return
        texts = sorted(self._found, key=lambda text: self._found[text])
        more = len(texts) - _SHOWN
        rest = [f"and {more} more {'mistake' if more == 1 else 'mistakes'}"] if more > 0 else []
        raise WrongStudyError([*texts[:_SHOWN], *rest])


class Document(NamedTuple):
    """What a file says, and where mistakes in it are noted."""

    values: Any
    mistakes: Mistakes


def written(path: Where) -> str:
    """As people write it: models[1].dtype."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def nearest(name: str, known: Iterable[str]) -> str:
    """What may have been meant, and all that is allowed."""
    names = list(known)
    close = difflib.get_close_matches(name, names, 1)
    return (f"did you mean {close[0]!r}? " if close else "") + f"Allowed: {', '.join(names)}"


def read_yaml(text: str, name: str) -> Document:
    """Values of a YAML text by the core schema of YAML 1.2, without tags, and with each key once.

    Args:
        text: the file's.
        name: what errors call it.

    Raises:
        ValueError: it is too long, no YAML, or has what a study file may not have; a line each says where.
    """
    if len(text) > _MOST_BYTES:
        raise ValueError(f"{name} is longer than {_MOST_BYTES:,} characters: name files by patterns")
    mistakes = Mistakes(name)
    values = _Values(mistakes)
    try:
        node = _compose(text, name)
        found = {} if node is None else values.of(node, ())
    except RecursionError:
        raise ValueError(f"{name}: nested too deeply to be read") from None
    mistakes.check()
    return Document(found, mistakes)


def _compose(text: str, name: str) -> Any:
    try:
        import yaml
    except ImportError:
        raise ImportError('a study file needs pyyaml and pydantic: pip install "pyscore-engine[sweep]"') from None

    class Loader(yaml.SafeLoader):  # type: ignore[misc,unused-ignore]
        def resolve(self, kind: type, value: str | None, implicit: Any) -> str:
            if kind is not yaml.ScalarNode:
                return _TAG + ("seq" if kind is yaml.SequenceNode else "map")
            plain = implicit[0] if isinstance(implicit, tuple) else bool(implicit)
            found = (kind for kind, form in _SCALARS.items() if plain and form.match(value or ""))
            return _TAG + next(found, "str")

    try:
        return Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise ValueError(f"{name}{where}: not YAML ({error.problem or error.context})") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # characters that no text may have
        reason = " ".join(str(error).split())
        raise ValueError(f"{name}: not YAML ({reason})") from None


class _Values:
    """Plain values of nodes; the lines of all are noted."""

    def __init__(self, mistakes: Mistakes) -> None:
        self._mistakes = mistakes
        self._count = 0
        self._open: list[int] = []  # nodes that the present one lies in

    def of(self, node: Any, path: Where, line: int | None = None) -> Any:
        import yaml

        line = node.start_mark.line + 1 if line is None else line
        self._mistakes.lines[path] = line
        self._count += 1
        if self._count > _MOST_VALUES or len(path) > _DEEPEST or id(node) in self._open:
            reason = f"more than {_MOST_VALUES:,} values" if self._count > _MOST_VALUES else "nested too deeply"
            self._mistakes.add(path[:3], f"{reason}: an alias that holds itself, or many of aliases?", line=line)
            self._mistakes.check()
        kind = node.tag.removeprefix(_TAG)
        self._open.append(id(node))
        try:
            if isinstance(node, yaml.ScalarNode) and kind in ("str", *_SCALARS):
                return self._scalar(kind, node.value, path)
            if isinstance(node, yaml.SequenceNode) and kind == "seq":
                return [self.of(each, (*path, i)) for i, each in enumerate(node.value)]
            if isinstance(node, yaml.MappingNode) and kind == "map":
                return self._mapping(node.value, path)
        finally:
            self._open.pop()
        self._mistakes.add(
            path, f"the tag {node.tag!r} is not allowed here: write plain text, numbers, lists, mappings"
        )
        return None

    def _mapping(self, pairs: Sequence[tuple[Any, Any]], path: Where) -> dict[str, Any]:
        found: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in pairs:
            line = key.start_mark.line + 1
            if not isinstance(key.value, str):
                self._mistakes.add(path, "a key must be text", line=line)
            elif key.value in found:
                first = lines[key.value]
                self._mistakes.add(path, f"{key.value!r:.60} stands there twice, first in line {first}", line=line)
            elif key.value == "<<":
                self._mistakes.add(path, "'<<' is no key here: use defaults, or an alias as a whole value", line=line)
            elif self._scalar("str", key.value, path) is not None:
                lines[key.value] = line
                found[key.value] = self.of(value, (*path, key.value), line)
        return found

    def _scalar(self, kind: str, text: str, path: Where) -> Any:
        try:
            if kind in ("int", "float") and len(text) > _LONGEST_NUMBER:
                raise ValueError
            return _scalar(kind, text)
        except (ValueError, OverflowError):
            what = "characters that no text may have" if kind == "str" else f"no {kind}"
            self._mistakes.add(path, f"{text!r:.60}: {what}")
            return None


def _scalar(kind: str, text: str) -> Any:
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int":
        bases = {"0o": 8, "0x": 16}
        return int(text, bases.get(text[:2], 10))
    if kind == "float":
        special = text.lower().lstrip("+-") in (".inf", ".nan")
        return float(text.replace(".", "", 1) if special else text)
    if "\0" in text:
        raise ValueError("NUL")
    text.encode()  # half of a surrogate pair raises
    return text
