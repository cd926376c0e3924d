"""A GGUF file that llama.cpp runs in this process, quantised as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pyscore.engine.sources.files import file_digest, stamp
from pyscore.engine.sources.huggingface.bundled import BUNDLED_MODEL, bundled_model_path
from pyscore.engine.sources.huggingface.load import load_tokenizer
from pyscore.engine.sources.llama_cpp.native import Native, Settings, require_llama_cpp
from pyscore.engine.sources.llama_cpp.plan import SHARINGS, Plan, Room, plan_groups
from pyscore.engine.sources.options import refuse_others
from pyscore.engine.sources.pretrained_tokenizer import pretrained_tokenizer
from pyscore.engine.sources.source import (
    ScoreRequest,
    Session,
    Source,
    SourceFacts,
    TokenCounts,
    TokenScore,
    Vocabulary,
)
from pyscore.ops import logprobs

__all__ = ["LlamaCppSource", "load"]

_N_CTX = 4096  # where a model was trained with more: the cache of keys and values would fill the memory
_OWN = ("n_batch", "n_ctx", "n_gpu_layers", "n_threads", "sharing", "tokenizer")
_PROBES = (
    "Question: Is 12 + 7 less than 20, or is it more?\n\nAnswer: It is 19, which is less.",
    " (A)",
    "It's  naïve: we've seen 3.14159\ttabs, 日本語, a\u00a0space and 😀.",
)
_LOGPROBS = "of the float32 logits of llama.cpp, all tokens; weights as quantised, keys and values in float16"


class LlamaCppSource(Source):
    """A GGUF file in this process, run by llama.cpp.

    Args:
        file: the GGUF file.
        tokenizer: of Hugging Face transformers, which must give llama.cpp's tokens.
        name: what rows call the model.
        settings: how it runs; ``n_ctx`` 0 for what it was trained with, at most 4,096.
        sharing: "question" or "tree"; "plain" is used where a model's state can't be cut, as that of a recurrent one.

    Raises:
        ImportError: llama-cpp-python isn't installed.
        ValueError: the file can't be run, or the tokenizer gives other tokens than llama.cpp.
    """

    tokenizer: Any = None

    def __init__(self, file: Path, tokenizer: Any, *, name: str, settings: Settings, sharing: str) -> None:
        self.tokenizer, self._file, self._name = tokenizer, file, name
        self._stamp = stamp(file)
        self._digest: str | None = None
        self.native = Native(file, settings, _N_CTX)
        _check_tokenizer(tokenizer, self.native, name)
        own = self.native.settings
        self.room = Room(own.n_batch, own.n_ctx, self.native.n_sequences)
        self.sharing = sharing if self.room.sequences > 1 else "plain"

    @property
    def facts(self) -> SourceFacts:
        own = self.native.settings
        version = require_llama_cpp().__version__
        return SourceFacts(
            self._name,
            None,
            dtype=self.native.dtype,
            device="cpu" if own.n_gpu_layers == 0 else "gpu",
            fingerprint=self._fingerprint,
            context_length=own.n_ctx,
            vocabulary=Vocabulary(self.native.n_vocab, self.native.n_vocab),
            settings={
                "n_batch": own.n_batch,
                "n_ctx": own.n_ctx,
                "n_gpu_layers": own.n_gpu_layers,
                "sharing": self.sharing,
            },
            metadata={
                "engine": f"llama.cpp (llama-cpp-python {version})",
                "n_threads": str(own.n_threads),
                "n_gpu_layers": str(own.n_gpu_layers),
                "torch_version": torch.__version__,
            },
        )

    def _fingerprint(self) -> dict[str, str]:
        """The file's content, read once: what llama.cpp runs is what it read when it was loaded."""
        if self._digest is None:
            if stamp(self._file) != self._stamp:
                raise ValueError(f"{self._file} has changed since it was loaded: load it again")
            self._digest = file_digest(self._file)
        return {"source": "llama.cpp", "weights": self._digest}

    @contextmanager
    def session(self, state: Mapping[str, Any] | None) -> Iterator[Session]:
        yield _Session(self)

    def count(self, chunks: Iterable[Sequence[ScoreRequest]]) -> TokenCounts:
        counts = TokenCounts()
        for requests in chunks:
            n = plan_groups(requests, self.room, self.sharing).n_tokens
            naive = sum(len(request.context) + len(request.continuation) - 1 for request in requests)
            counts += TokenCounts(n, n, 0, naive)
        return counts


class _Session(Session):
    """Each chunk begins with an empty cache, so that its values don't depend on those before it."""

    def __init__(self, source: LlamaCppSource) -> None:
        self._native, self._room, self._sharing = source.native, source.room, source.sharing

    @property
    def findings(self) -> dict[str, str]:
        return {"logprobs": _LOGPROBS, "sharing": self._sharing}

    @property
    def state(self) -> dict[str, Any]:
        return {}

    def prepare(self, requests: Sequence[ScoreRequest]) -> Plan:
        return plan_groups(requests, self._room, self._sharing)

    def run(self, work: Plan, advance: Callable[[float], None]) -> list[TokenScore]:
        found, greedy = [0.0] * work.n_slots, [False] * work.n_slots
        total, last = max(1, work.n_tokens), 0
        for group in work.groups:
            for nodes, logits in self._native.run(group, last):
                targets = [node.targets for node in nodes if node.targets]
                for slot, value, is_greedy in _scores(logits, targets):
                    found[slot], greedy[slot] = value, is_greedy
                advance(len(nodes) / total)
            last = len(group.kept) - 1
        return [TokenScore([found[i] for i in own], all(greedy[i] for i in own)) for own in work.slots]


def _scores(logits: NDArray[np.float32], targets: Sequence[Mapping[int, int]]) -> Iterator[tuple[int, float, bool]]:
    """Slot, log-probability and whether it is greedy, of every target of every row of logits [n, V]."""
    if not targets:
        return
    found: Any = logprobs(
        torch.from_numpy(logits),
        _ids([token for own in targets for token in own]),
        target_offsets=_ids([0, *accumulate(map(len, targets))]),
        outputs=("logprob", "is_greedy"),
    )
    slots = [slot for own in targets for slot in own.values()]
    yield from zip(slots, found.logprob.tolist(), found.is_greedy.tolist(), strict=True)


def load(
    model: str,
    *,
    n_ctx: int = 0,
    n_batch: int = 512,
    n_threads: int | None = None,
    n_gpu_layers: int | None = None,
    sharing: str = "question",
    tokenizer: str | None = None,
    **options: Any,
) -> LlamaCppSource:
    """The source of a GGUF file; what stands behind "llama-cpp:".

    Args:
        model: the file, or "smollm2-135m-instruct", the model that the extra ``demo`` installs.
        n_ctx: how many tokens the cache holds, and a sequence can have; 0 for what the model was trained with, at most
            4,096.
        n_batch: how many tokens a call may have.
        n_threads: how many threads a call has, by default as many as torch.
        n_gpu_layers: how many layers are on the GPU, -1 for all; by default all where llama.cpp was built with one.
        sharing: "question" runs a prompt once for all its answers; "tree" also runs once what prompts begin with alike,
            such as few-shot examples, and values then depend on the other questions by llama.cpp's own rounding.
        tokenizer: a folder or a name on the model hub; by default the tokenizer in the file.
        options: those of `pyscore.Scorer.from_pretrained` that mean nothing here.

    Raises:
        FileNotFoundError, ImportError, TypeError, ValueError: one line says why it can't be loaded.
    """
    refuse_others("llama-cpp", options, _OWN)
    given = {"n_ctx": n_ctx, "n_batch": n_batch, "n_threads": n_threads, "n_gpu_layers": n_gpu_layers}
    for (name, value), least in zip(given.items(), (0, 1, 1, -1), strict=True):
        if value is not None and (type(value) is not int or value < least):
            raise ValueError(f"{name}={value!r} is not an integer from {least} on")
    if sharing not in SHARINGS[:2]:
        raise ValueError(f"sharing={sharing!r} is not {' or '.join(map(repr, SHARINGS[:2]))}")
    file = _file(model)
    lib = require_llama_cpp()
    has_gpu = bool(lib.llama_supports_gpu_offload())
    if n_gpu_layers and not has_gpu:
        raise ValueError(
            f"n_gpu_layers={n_gpu_layers}, but llama-cpp-python was built without a GPU here: leave it out"
        )
    on_gpu = (-1 if has_gpu else 0) if n_gpu_layers is None else n_gpu_layers
    own = (
        load_tokenizer(model if model == BUNDLED_MODEL else file)
        if tokenizer is None
        else pretrained_tokenizer(tokenizer)
    )
    settings = Settings(n_ctx, n_batch, n_threads or torch.get_num_threads(), on_gpu)
    return LlamaCppSource(file, own, name=f"llama-cpp:{model}", settings=settings, sharing=sharing)


def _file(model: str) -> Path:
    if model == BUNDLED_MODEL:
        return bundled_model_path()
    file = Path(model).expanduser()
    if not model or file.is_dir():
        raise ValueError(f"llama-cpp:{model} names no file: give a .gguf file, as llama-cpp:model.gguf")
    if not file.is_file():
        raise FileNotFoundError(f"no such file: {file}")
    with file.open("rb") as opened:
        if opened.read(4) != b"GGUF":
            raise ValueError(f"{file} is no GGUF file: convert the model, or score its folder without llama-cpp:")
    return file


def _check_tokenizer(tokenizer: Any, native: Native, name: str) -> None:
    """Refuse a tokenizer whose tokens llama.cpp's own differ from: the model was trained with one of them only."""
    marks = "".join(map(str, getattr(tokenizer, "all_special_tokens", ())[:4]))
    for text in (*_PROBES, f"{marks} x"):
        for special in (False, True):
            ours = list(tokenizer(text, add_special_tokens=special)["input_ids"])
            theirs = native.tokenize(text, add_special=special)
            if ours != theirs:
                raise ValueError(
                    f"{name}: the tokenizer makes {ours} of {text!r}, llama.cpp {theirs}: "
                    "give tokenizer=, the folder or hub name of the model that the file was made from"
                )


def _ids(values: list[int]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.int64, device="cpu")
