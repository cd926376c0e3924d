"""Perplexity of the documents of a table that `score_documents` returned."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from pyscore.metrics import Answers, Report
from pyscore.metrics.core.answer_scores import LENGTHS
from pyscore.metrics.presets import PRESETS, Metric, apply_preset

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["perplexity"]

_PRESET = replace(
    PRESETS["lm_eval_rolling"],
    name="lm_eval_rolling+token_perplexity",
    metrics=(
        *PRESETS["lm_eval_rolling"].metrics,
        Metric("token_perplexity", "sequence_loss", "ratio", per="n_tokens", scale="exp"),
    ),
)


def perplexity(table: pa.Table, *, clusters: Iterable[Hashable] | None = None, confidence: float = 0.95) -> Report:
    """Perplexity of documents that `score_documents` scored, with intervals whose unit is the document.

    ``bits_per_byte`` = -Σ l / Σ bytes / ln 2; ``byte_perplexity``, ``word_perplexity`` and ``token_perplexity`` =
    exp(-Σ l / Σ units), sums over documents (lm-evaluation-harness; the last one is not among its numbers and depends
    on the tokenizer).

    Args:
        table: as `score_documents` returns it. Documents without tokens are left out and counted.
        clusters: one hashable key a document; documents that share a key are not independent.
        confidence: of the intervals.

    Raises:
        ValueError: columns are missing, no document has tokens, a missing cluster.
    """
    missing = [name for name in ("logprob", *LENGTHS) if name not in table.column_names]
    if missing:
        raise ValueError(f"the table lacks the columns {', '.join(missing)}: give one that score_documents returned")
    scored = table["n_tokens"].to_numpy() > 0
    if not scored.any():
        raise ValueError(f"none of the {len(scored)} documents has tokens: there is nothing to average")
    keys = None if clusters is None else list(clusters)
    if keys is not None and len(keys) != len(scored):
        raise ValueError(f"clusters must have one entry a document, {len(scored)}, got {len(keys)}")
    columns = {name: table[name].to_numpy()[scored] for name in ("logprob", *LENGTHS)}
    report = apply_preset(
        Answers.of_sequences(**columns),
        _PRESET,
        clusters=None if keys is None else [key for key, kept in zip(keys, scored, strict=True) if kept],
        confidence=confidence,
    )
    numbers = {f"n_{unit}": int(columns[f"n_{unit}"].sum()) for unit in ("tokens", "bytes", "words")}
    return replace(
        report,
        title=f"perplexity: {scored.sum()} documents",
        numbers={**numbers, "n_without_tokens": int((~scored).sum())},
    )
