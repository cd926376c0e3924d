"""What a confidence level may be: asked by the metrics, and by the command line before it imports them."""

from __future__ import annotations

__all__ = ["check_confidence"]


def check_confidence(confidence: float) -> float:
    """The confidence; ValueError unless 0 < confidence < 1."""
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence!r} (95 % is 0.95)")
    return confidence
