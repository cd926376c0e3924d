"""What a tokenizer puts around a text by itself."""

from __future__ import annotations

from typing import Any

__all__ = ["added_tokens", "prefix_of"]

_PROBES = ("x", "Yes, 12")  # two texts without a token in common, so that what stands around both is no text


def added_tokens(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The tokens that a tokenizer puts before and after a text by itself, found by encoding.

    Raises:
        ValueError: it encodes the text itself in another way beside them.
    """
    found: set[tuple[tuple[int, ...], tuple[int, ...]]] = set()
    for text in _PROBES:
        plain, whole = (tuple(tokenizer(text, add_special_tokens=added)["input_ids"]) for added in (False, True))
        starts = [i for i in range(len(whole) - len(plain) + 1) if whole[i : i + len(plain)] == plain]
        around = {(whole[:i], whole[i + len(plain) :]) for i in starts}
        found = around if text == _PROBES[0] else found & around
    if len(found) != 1:
        raise ValueError(
            "what the tokenizer puts before a text can't be told from the text: give add_bos_token=False "
            "(--no-add-bos), and a template that begins with it"
        )
    ((before, after),) = found
    return list(before), list(after)


def prefix_of(tokenizer: Any, add_bos: bool | str) -> list[int]:
    """The tokens that every text is to begin with; ``add_bos`` as for `AnswerTokenizer`.

    Raises:
        ValueError: as for `AnswerTokenizer`.
    """
    if not add_bos:
        return []
    before, _ = added_tokens(tokenizer)
    bos = tokenizer.bos_token_id
    if add_bos == "auto" or bos in before:
        return before
    if bos is None and not before:
        raise ValueError("add_bos_token=True, but the tokenizer has no BOS token")
    return before if bos is None else [bos, *before]
