"""Which token ids a model knows: a tokenizer with more of them would index past its embedding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = ["Vocabulary"]


class Vocabulary(NamedTuple):
    """How many token ids a model can read, and of how many it gives the probability; None where it doesn't say.

    They differ where a model reads tokens that it never writes, such as those of images.
    """

    read: int | None = None
    predicted: int | None = None

    def check(self, tokenizer: Any, context: Sequence[int], answer: Sequence[int], name: str) -> None:
        """Raise ValueError if the model can't read these tokens, or can't predict the answer's; ``name`` has them."""
        self._check(tokenizer, context, self.read, name)
        self._check(tokenizer, answer, min((n for n in self if n is not None), default=None), name)

    def _check(self, tokenizer: Any, ids: Sequence[int], size: int | None, name: str) -> None:
        if not ids or (min(ids) >= 0 and (size is None or max(ids) < size)):
            return
        bad = next(token for token in ids if token < 0 or (size is not None and token >= size))
        text = f" ({tokenizer.convert_ids_to_tokens(bad)!r})" if 0 <= bad < len(tokenizer) else ""
        known = "from 0 on" if size is None else f"0 to {size - 1}"
        raise ValueError(
            f"{name}: the token {bad}{text} is none of the model's, {known}: "
            "give the tokenizer that belongs to the model"
        )

    def first_known(self, *candidates: int | None) -> int:
        """The first of these token ids that the model can read, 0 if it can read none."""
        return next((i for i in candidates if i is not None and i >= 0 and (self.read is None or i < self.read)), 0)
