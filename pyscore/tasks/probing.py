"""Whether a template prints what it was given, and what its failures say."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["prints", "reason_of"]


def prints(given: str, text: str, rendered: Callable[[str], str]) -> bool:
    """Whether a text that was rendered from ``given`` shows it: as it is, or in a form that changes with it.

    Args:
        given: what the template was given: a question, a system message.
        text: what came out.
        rendered: the text for another one; ValueError where the template fails on it.
    """
    # Chat templates often strip a message; nothing else changes the text of one as a rule.
    if given.strip() in text:
        return True
    other = ("x" if given.strip("x") else "y") * len(given)
    try:
        return rendered(other) != text
    except ValueError:
        return True  # A template that another text breaks does read the text.


def reason_of(error: Exception) -> str:
    """What an error says, in one line; its type if it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__
