"""Forward KL between two models: both score the same tokens."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from pyscore import metrics
from pyscore.engine.documents import Pair, document_windows, score_stream, window_sizes
from pyscore.engine.rows import exact_logprobs
from pyscore.engine.scorer import Scorer
from pyscore.engine.tokenization import tokenizer_hash
from pyscore.metrics import Interval, Report
from pyscore.metrics.core.arrays import Floats

__all__ = ["forward_kl"]


def forward_kl(
    reference: Scorer,
    model: Scorer,
    texts: Sequence[str | Sequence[int]],
    *,
    prompts: Sequence[str] | None = None,
    model_prompts: Sequence[str] | None = None,
    max_length: int | None = None,
    clusters: Iterable[Hashable] | None = None,
    interval: Interval = Interval(),
    progress: bool = True,
) -> Report:
    """KL(reference || model) per token and per sequence, nats, estimated on texts that the reference wrote.

    Both models score the same tokens, and `pyscore.metrics.forward_kl` averages log p_reference - log p_model. That is
    a Monte Carlo estimate: the texts must be samples of the reference at temperature 1, not cut by top-k or top-p. On
    other text it is a difference of losses.

    Args:
        reference, model: two models with one tokenizer.
        texts: texts, or the token ids that the reference sampled, which need not be tokenised anew.
        prompts: what stands before each text, one a text, and is not scored; several texts of one prompt are not
            independent: give ``clusters=prompts``. By default a text follows what the tokenizer puts before it (else
            BOS, EOS where there is none), and texts longer than a model can take are scored in disjoint windows, as by
            `score_documents`.
        model_prompts: what the model reads before each text instead of ``prompts``. For context distillation (Askell et
            al. 2021) the reference's prompt is the context and the question, the model's the question alone.
        max_length: tokens of a window; by default as many as both models can take.
        clusters, interval: as for `pyscore.metrics.forward_kl`.
        progress: show progress on standard error for every few batches: a bar on a terminal, elsewhere lines.

    Raises:
        TypeError: a text or a prompt of another type, with its row.
        ValueError: tokenizers that differ, texts or prompts that don't fit each other, a text without tokens or, with
            a prompt, too long for a model, a text that gets other tokens after the model's prompt; a source
            that gives bounds alone; as `pyscore.metrics.forward_kl`.
    """
    if tokenizer_hash(reference.tokenizer) != tokenizer_hash(model.tokenizer):
        raise ValueError(
            f"{reference.name} and {model.name} have different tokenizers: a KL divergence needs the same tokens"
        )
    _check_list(texts, "texts")
    sequences = [_read_text(text, i, len(reference.tokenizer)) for i, text in enumerate(texts)]
    if not sequences:
        raise ValueError("texts is empty: give at least one text")
    if prompts is None and model_prompts is not None:
        raise ValueError("model_prompts stand in place of prompts: give prompts= as well")
    before = _read_prompts(prompts, "prompts", len(sequences))
    before_model = before if model_prompts is None else _read_prompts(model_prompts, "model_prompts", len(sequences))
    length = min(window_sizes(scorer, max_length, None)[0] for scorer in (reference, model))
    ours = [_windows(reference, *each, length, i) for i, each in enumerate(zip(sequences, before, strict=True))]
    theirs = [_windows(model, *each, length, i) for i, each in enumerate(zip(sequences, before_model, strict=True))]
    targets = [_targets(windows) for windows in ours]
    for i, windows in enumerate(theirs):
        if _targets(windows) != targets[i]:
            raise ValueError(f"texts[{i}] has other tokens after the model's prompt: give its token ids instead")
    return metrics.forward_kl(
        _logprobs(reference, ours, progress),
        _logprobs(model, theirs, progress),
        offsets=np.cumsum([0, *map(len, targets)]),
        clusters=clusters,
        interval=interval,
    )


def _windows(scorer: Scorer, text: str | list[int], prompt: str | None, length: int, row: int) -> list[Pair]:
    """What scores the tokens of a text: one pair after a prompt, else as many windows as it takes."""
    if prompt is None:
        windows = list(document_windows(*scorer.tokens.encode_document(text), length, length))
    elif isinstance(text, str):
        pairs = [(prompt, text)] if text else []
        windows = [each[:2] for each in scorer.tokens.of_any_length().encode(pairs, [prompt])]
    else:
        windows = [(scorer.tokens.encode_prompt(prompt), text)] if text else []
    if not windows:
        raise ValueError(f"texts[{row}] has no tokens: leave it out")
    for context, targets in windows:
        scorer.tokens.check(context, targets, f"texts[{row}]")
    size = max(len(context) + len(targets) - 1 for context, targets in windows)
    if size > length:
        raise ValueError(f"texts[{row}] and its prompt have {size + 1} tokens, more than {length + 1}: leave it out")
    return windows


def _targets(windows: Sequence[Pair]) -> list[int]:
    return [token for _, targets in windows for token in targets]


def _logprobs(scorer: Scorer, windows: Sequence[Sequence[Pair]], progress: bool) -> Floats:
    scores = score_stream(scorer, (pair for each in windows for pair in each), progress=progress)
    known = (exact_logprobs(score, f"{scorer.name}, texts") for score in scores)
    return np.array([logprob for each in known for logprob in each], dtype=np.float64)


def _read_prompts(prompts: Sequence[str] | None, name: str, n: int) -> Sequence[str | None]:
    if prompts is None:
        return [None] * n
    _check_list(prompts, name)
    if len(prompts) != n:
        raise ValueError(f"{name} must have one entry a text, {n}, got {len(prompts)}")
    for i, prompt in enumerate(prompts):
        if not isinstance(prompt, str):
            raise TypeError(f"{name}[{i}] must be a string, got {type(prompt).__name__}")
    return prompts


def _check_list(values: Sequence[object], name: str) -> None:
    if isinstance(values, str):
        raise TypeError(f"{name} must be a sequence of strings, got one string: put it in a list")


def _read_text(text: str | Sequence[int], row: int, vocabulary: int) -> str | list[int]:
    if isinstance(text, str):
        return text
    tokens = np.asarray(text)
    if tokens.ndim != 1 or (len(tokens) and tokens.dtype.kind not in "iu"):
        raise TypeError(f"texts[{row}] must be a string or a list of token ids, got {text!r:.60}")
    bad = tokens[(tokens < 0) | (tokens >= vocabulary)]
    if len(bad):
        raise ValueError(f"texts[{row}] has the token id {bad[0]}, but the tokenizer has {vocabulary} tokens")
    return [int(token) for token in tokens]
