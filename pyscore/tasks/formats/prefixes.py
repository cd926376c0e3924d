"""Where two texts part: their common beginning as a prompt, and what is left of each as an answer."""

from __future__ import annotations

__all__ = ["parted"]


def parted(first: str, second: str) -> tuple[str, str, str]:
    """The common beginning of two texts, up to the end of a word, and the rests of both.

    The rests begin with the whitespace after that word. Texts that differ at their first word have no common beginning:
    it is empty then, never whitespace alone.

    Raises:
        ValueError: the texts are the same.
    """
    if first == second:
        raise ValueError(f"both texts are {first!r:.60}: there is nothing to compare")
    shortest = min(len(first), len(second))
    differs = next((i for i in range(shortest) if first[i] != second[i]), shortest - 1)
    cut = next((i for i in range(differs, 0, -1) if first[i].isspace() and second[i].isspace()), 0)
    cut = len(first[:cut].rstrip())
    return first[:cut], first[cut:], second[cut:]
