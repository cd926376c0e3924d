"""llama.cpp through the C interface of llama-cpp-python: load a model, tokenise, run tokens of many sequences."""

from __future__ import annotations

import ctypes
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyscore.engine.sources.llama_cpp.plan import Group, Node

__all__ = ["Native", "Settings", "require_llama_cpp"]

_VERSION = "0.3.36"
_ERROR, _CONTINUED = 4, 5  # levels of its log
_logging = threading.RLock()
"""Held while llama.cpp's log is ours: there is one for the whole process."""


class Settings(NamedTuple):
    """How a model runs.

    Attributes:
        n_ctx: tokens that the cache holds.
        n_batch: tokens of a call.
        n_threads: of a call.
        n_gpu_layers: layers on the GPU, -1 for all.
    """

    n_ctx: int
    n_batch: int
    n_threads: int
    n_gpu_layers: int


def require_llama_cpp() -> Any:
    """The module llama_cpp, or ImportError that says how to install it."""
    try:
        import llama_cpp
    except ImportError:
        raise ImportError('llama-cpp: needs llama-cpp-python: pip install "pyscore-engine[llama-cpp]"') from None
    # Names of its C interface come and go with releases; one that is missing would be an AttributeError later.
    if not hasattr(llama_cpp, "llama_memory_seq_cp"):
        version = getattr(llama_cpp, "__version__", "unknown")
        raise ImportError(f"llama-cpp: needs llama-cpp-python {_VERSION} or later, found {version}: update it")
    return llama_cpp


class Native:
    """A loaded GGUF file with a cache of keys and values.

    Args:
        file: the GGUF file.
        settings: ``n_ctx`` 0 for all that the model was trained with, up to ``at_most``.

    Attributes:
        file: as given.
        settings: with ``n_ctx`` as it is.
        dtype: the file's type of quantisation, as "Q4_K_M".
        n_vocab: token ids that it knows.
        n_sequences: that the cache tells apart; 1 where a model's state can't be cut, as that of a recurrent one.

    Raises:
        ValueError: it is none of a causal language model, or damaged; ``n_ctx`` is more than it was trained with.
    """

    def __init__(self, file: Path, settings: Settings, at_most: int) -> None:
        self._lib = lib = require_llama_cpp()
        self.file = file
        lib.llama_backend_init()
        with self._log("load it"):
            model = lib.llama_model_load_from_file(str(file).encode(), self._model_parameters(settings))
            if not model:
                raise RuntimeError
        self._model = model
        free = weakref.finalize(self, lib.llama_model_free, model)
        self._vocab = lib.llama_model_get_vocab(model)
        self.n_vocab = int(lib.llama_vocab_n_tokens(self._vocab))
        self.dtype = _names(lib).get(lib.llama_model_ftype(model) & 1023, "unknown")
        if not lib.llama_model_has_decoder(model) or lib.llama_model_has_encoder(model):
            raise ValueError(f"{file} holds no causal language model, which scoring needs")
        trained = int(lib.llama_model_n_ctx_train(model))
        if settings.n_ctx > trained:
            raise ValueError(f"n_ctx={settings.n_ctx} is more than the {trained} tokens that {file.name} can take")
        self.settings = settings._replace(n_ctx=settings.n_ctx or min(trained, at_most))
        cuttable = not (lib.llama_model_is_recurrent(model) or lib.llama_model_is_hybrid(model))
        # llama.cpp aborts the process where a call can't hold a token of each sequence.
        self.n_sequences = min(int(lib.llama_max_parallel_sequences()), settings.n_batch) if cuttable else 1
        with self._log(f"make room for n_ctx={self.settings.n_ctx} tokens"):
            context = lib.llama_init_from_model(model, self._context_parameters())
            if not context:
                raise RuntimeError
        self._context, self._memory = context, lib.llama_get_memory(context)
        self._batch = lib.llama_batch_init(self.settings.n_batch, 0, self.n_sequences)
        free.detach()  # a context must be freed before its model
        weakref.finalize(self, _free, lib, self._batch, context, model)
        self._ids = (ctypes.c_int32 * self.n_sequences)(*range(self.n_sequences))

    def _model_parameters(self, settings: Settings) -> Any:
        found = self._lib.llama_model_default_params()
        found.n_gpu_layers = 2**31 - 1 if settings.n_gpu_layers < 0 else settings.n_gpu_layers
        return found

    def _context_parameters(self) -> Any:
        lib, own = self._lib, self.settings
        found = lib.llama_context_default_params()
        found.n_ctx, found.n_batch, found.n_ubatch = own.n_ctx, own.n_batch, min(own.n_batch, 512)
        found.n_threads = found.n_threads_batch = own.n_threads
        # One buffer for all sequences, so that tokens which they share are in it once; whole even where attention sees
        # a window only, or what a window has left behind couldn't be shared any more.
        found.n_seq_max, found.kv_unified, found.swa_full = self.n_sequences, True, True
        found.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_DISABLED  # as in the class Llama of llama-cpp-python
        return found

    def tokenize(self, text: str, *, add_special: bool) -> list[int]:
        """Token ids by llama.cpp's own tokenizer; special tokens that are written out in the text count as such."""
        data = text.encode()
        n = len(data) + 8
        ids = (ctypes.c_int32 * n)()
        found = self._lib.llama_tokenize(self._vocab, data, len(data), ids, n, add_special, True)
        if found < 0:
            raise ValueError(f"{self.file}: llama.cpp can't tokenise {text!r}")
        return list(ids[:found])

    def run(self, group: Group, last: int) -> Iterator[tuple[list[Node], NDArray[np.float32]]]:
        """Run a group call by call.

        Args:
            group: what runs.
            last: which sequence of the cache the group's kept tokens are of.

        Yields:
            The nodes of a call and the logits [n, V] of those among them that have targets, valid until the next call.
        """
        self._keep(group.kept, last)
        for start in range(0, len(group.nodes), self.settings.n_batch):
            nodes = group.nodes[start : start + self.settings.n_batch]
            yield nodes, self._decode(nodes)

    def _keep(self, kept: list[int], last: int) -> None:
        """Leave in the cache of a sequence what each path begins with, as a sequence of that path."""
        lib, memory = self._lib, self._memory
        if not kept[0]:
            lib.llama_memory_clear(memory, False)
            return
        lib.llama_memory_seq_keep(memory, last)
        lib.llama_memory_seq_rm(memory, last, kept[0], -1)
        if last != 0:
            lib.llama_memory_seq_cp(memory, last, 0, -1, -1)
            lib.llama_memory_seq_rm(memory, last, -1, -1)
        for i, n in enumerate(kept[1:], 1):
            if n:
                lib.llama_memory_seq_cp(memory, 0, i, 0, n)

    def _decode(self, nodes: Sequence[Node]) -> NDArray[np.float32]:
        lib, batch = self._lib, self._batch
        n_bytes = ctypes.sizeof(ctypes.c_int32)
        ids = ctypes.addressof(self._ids)
        batch.n_tokens = len(nodes)
        n_outputs = 0
        for i, node in enumerate(nodes):
            batch.token[i], batch.pos[i] = node.token, node.depth
            batch.n_seq_id[i] = node.end - node.first
            ctypes.memmove(batch.seq_id[i], ids + node.first * n_bytes, (node.end - node.first) * n_bytes)
            batch.logits[i] = bool(node.targets)
            n_outputs += bool(node.targets)
        with self._log(f"run {len(nodes)} tokens"):
            code = lib.llama_decode(self._context, batch)
            if code:
                raise RuntimeError(f"llama_decode gave {code}")
        if not n_outputs:
            return np.empty((0, self.n_vocab), np.float32)
        return np.ctypeslib.as_array(lib.llama_get_logits(self._context), (n_outputs, self.n_vocab))

    @contextmanager
    def _log(self, what: str) -> Iterator[None]:
        """Make of a RuntimeError a ValueError with the first fault in llama.cpp's log."""
        with _logged(self._lib) as faults:
            try:
                yield
            except RuntimeError as error:
                why = next(iter(faults), str(error) or "it doesn't say why")
                raise ValueError(f"llama.cpp can't {what}: {self.file}: {why}") from None


@contextmanager
def _logged(lib: Any) -> Iterator[list[str]]:
    """Keep llama.cpp's log off the terminal, and give the faults that it tells of."""
    faults, level = list[str](), 0

    @lib.llama_log_callback  # type: ignore[untyped-decorator]
    def note(own: int, text: bytes, _: Any) -> None:
        nonlocal level
        level = level if own == _CONTINUED else own
        if level == _ERROR and (line := text.decode(errors="replace").strip()):
            faults.append(line)

    with _logging:
        before, data = lib.llama_log_callback(), ctypes.c_void_p()
        lib.llama_log_get(ctypes.byref(before), ctypes.byref(data))
        lib.llama_log_set(note, ctypes.c_void_p(0))
        try:
            yield faults
        finally:
            lib.llama_log_set(before, data)


def _names(lib: Any) -> dict[int, str]:
    """The types of quantisation by their numbers in a file."""
    marks = "LLAMA_FTYPE_MOSTLY_", "LLAMA_FTYPE_ALL_"
    return {value: name.split("_", 3)[-1] for name, value in vars(lib).items() if name.startswith(marks)}


def _free(lib: Any, batch: Any, context: Any, model: Any) -> None:
    with _logged(lib):
        lib.llama_batch_free(batch)
        lib.llama_free(context)
        lib.llama_model_free(model)
