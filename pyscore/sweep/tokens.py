"""How many tokens a sweep has to run: told by tokenizers alone, no weights are loaded."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyscore.engine.questions import requests_of, tokenize
from pyscore.engine.settings import ScoreSettings
from pyscore.engine.tokenization import AnswerTokenizer
from pyscore.sweep.grid import Unit
from pyscore.sweep.models import HUGGINGFACE, loader_of
from pyscore.sweep.study import Dataset, Model, NamedTemplate, Study
from pyscore.tasks import Question

__all__ = ["TokensToRun", "tokens_to_run"]

_TOKENIZER_FILES = (
    "tokenizer*",
    "vocab*",
    "merges.txt",
    "added_tokens.json",
    "special_tokens_map.json",
    "*.model",
    "chat_template*",
)
_AT_MOST = 16
"""Different tokenizers that are counted: each takes seconds to load."""
_COUNTED_QUESTIONS = 20_000
"""Questions that are tokenised, of all tokenizers and templates together; beyond, an even share of each data set."""
_READ_AT_ONCE = 32


@dataclass(frozen=True)
class TokensToRun:
    """Distinct tokens: those of a prefix tree of all sequences, each of which runs once.

    Attributes:
        distinct: of all checkpoints for which they are known.
        is_exact: False where a share of the questions was counted, and scaled up.
        n_checkpoints: for how many checkpoints they are known.
        unknown: why they aren't of others, with the number of checkpoints.
    """

    distinct: int
    is_exact: bool
    n_checkpoints: int
    unknown: Mapping[str, int]


def tokens_to_run(study: Study, units: Sequence[Unit]) -> TokensToRun:
    """Count the distinct tokens of all units, data set by data set, once for each tokenizer.

    Args:
        study: the study that the units are of.
        units: what is missing.
    """
    with ThreadPoolExecutor(_READ_AT_ONCE) as pool:
        sources = list(pool.map(lambda unit: _source_of(unit.model), units))
    tokenizers: dict[tuple[Any, ...], Any] = {}
    for unit, source in zip(units, sources, strict=True):
        if source not in tokenizers:
            tokenizers[source] = _loaded(unit.model, sum(not isinstance(t, str) for t in tokenizers.values()))
    known = [(u, s) for u, s in zip(units, sources, strict=True) if not isinstance(tokenizers[s], str)]
    to_count = {(s, t.name, d.name): len(d.questions) for u, s in known for t, ds in u.datasets(study) for d in ds}
    every = max(1, math.ceil(sum(to_count.values()) / _COUNTED_QUESTIONS))
    counts: dict[tuple[Any, ...], int | str] = {}
    distinct, n, unknown = 0, 0, dict[str, int]()
    for unit, source in zip(units, sources, strict=True):
        found = tokenizers[source]
        if not isinstance(found, str):
            found = _count(study, unit, source, found, every, counts)
        if isinstance(found, str):
            unknown[found] = unknown.get(found, 0) + 1
        else:
            distinct, n = distinct + found, n + 1
    return TokensToRun(distinct, every == 1, n, unknown)


def _count(
    study: Study, unit: Unit, source: tuple[Any, ...], tokenizer: AnswerTokenizer, every: int, counts: dict[Any, Any]
) -> int | str:
    """The tokens of a unit, or why they can't be told."""
    total = 0
    for template, datasets in unit.datasets(study):
        for dataset in datasets:
            key = source, template.name, dataset.name
            if key not in counts:
                counts[key] = _distinct(tokenizer, template, dataset, every)
            if isinstance(counts[key], str):
                return str(counts[key])
            total += counts[key]
    return total


def _distinct(tokenizer: AnswerTokenizer, template: NamedTemplate, dataset: Dataset, every: int) -> int | str:
    from pyscore.engine.sources.prefixes import Tree

    chosen: list[Question] = dataset.questions[::every]
    try:
        answers = tokenize(tokenizer, chosen, ScoreSettings(template.template))
    except ValueError as error:
        return f"{template.name}, {dataset.name}: {error}"
    requests = requests_of(answer for own in answers for answer in own)
    # A continuation's last token is predicted, and never run.
    paths = sorted({(*each.context, *each.continuation[:-1]) for each in requests})
    return round(len(Tree(paths)) * len(dataset.questions) / len(chosen))


def _loaded(model: Model, n_before: int) -> AnswerTokenizer | str:
    """How a model's texts become tokens, or why that can't be told."""
    if n_before >= _AT_MOST:
        return f"only {_AT_MOST} different tokenizers are counted"
    try:
        found = _tokenizer(model)
        return found if isinstance(found, str) else AnswerTokenizer(found, add_bos=_add_bos(model))
    except Exception as error:  # whatever is wrong with a tokenizer, the others are counted
        return next(iter(str(error).splitlines()), "") or type(error).__name__


def _tokenizer(model: Model) -> Any:
    if model.source != HUGGINGFACE:
        find = getattr(loader_of(model.source), "tokenizer", None)
        return (
            f"the source {model.source!r} doesn't give its tokenizer before it is loaded"
            if find is None
            else find(model)
        )
    from pyscore.engine.sources.huggingface.bundled import BUNDLED_MODEL
    from pyscore.engine.sources.huggingface.load import load_tokenizer
    from pyscore.engine.sources.pretrained_tokenizer import pretrained_tokenizer

    trusted = bool(model.options.get("trust_remote_code", False))
    if model.path == BUNDLED_MODEL or Path(model.path).expanduser().exists():
        return load_tokenizer(model.path, trust_remote_code=trusted)
    if _cached(model) is None:
        return "the tokenizer is neither on this machine nor in its cache of the model hub"
    return pretrained_tokenizer(model.path, revision=model.revision, trust_remote_code=trusted, local_files_only=True)


def _cached(model: Model) -> Path | None:
    """The folder of the hub's cache that has a model's tokenizer; None where none has."""
    from huggingface_hub import try_to_load_from_cache

    for name in ("tokenizer.json", "tokenizer_config.json"):
        try:
            found = try_to_load_from_cache(model.path, name, revision=model.revision)
        except ValueError:  # no name of a repository
            return None
        if isinstance(found, str):
            return Path(found).parent
    return None


def _source_of(model: Model) -> tuple[Any, ...]:
    """What tells tokenizers apart without loading them: a digest of their files, where they are files."""
    options = (_add_bos(model), bool(model.options.get("trust_remote_code", False)))
    folder = Path(model.path).expanduser() if model.source == HUGGINGFACE else None
    if folder is not None and not folder.exists():
        folder = _cached(model)
    if folder is None or not folder.is_dir():
        return (model.source, model.path, model.revision, *options)
    digest = hashlib.sha256()
    for path in sorted({path for pattern in _TOKENIZER_FILES for path in folder.glob(pattern) if path.is_file()}):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return (digest.hexdigest(), *options)


def _add_bos(model: Model) -> Any:
    return model.options.get("add_bos_token", "auto")
