"""What tells one question from another by its content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

__all__ = ["question_key"]


def question_key(
    dataset: str | None,
    question_id: str,
    prompt: str,
    answers: Sequence[str],
    is_matching: Sequence[bool],
    cluster: str | None = None,
    group: str | None = None,
) -> str:
    """A key of a question's content: two questions have the same key if their rows must be the same.

    SHA-256, in hexadecimal, of the arguments as one JSON array.

    Args:
        dataset, question_id, cluster, group: as the rows have them.
        prompt: with the template applied, for a template may use more of a question than is given here.
        answers, is_matching: one entry an answer, in order.

    Raises:
        TypeError: answers is one string.
    """
    if isinstance(answers, str):
        raise TypeError("answers must be a sequence of strings, got str")
    matching = [bool(value) for value in is_matching]
    content = json.dumps([dataset, question_id, prompt, list(answers), matching, cluster, group])
    return hashlib.sha256(content.encode()).hexdigest()
