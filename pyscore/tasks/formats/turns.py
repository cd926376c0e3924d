"""Conversations: messages with roles, and the text that they become with two speakers, Human and Assistant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["ASSISTANT", "Message", "dialogue", "messages_in"]

Message = dict[str, str]
"""Its ``role``, "system", "user" or "assistant", and its ``content``."""

ASSISTANT = "\n\nAssistant:"
"""What stands before a turn of the assistant's."""

_BEFORE = {"system": "", "user": "\n\nHuman: ", "assistant": f"{ASSISTANT} "}
_ROLES = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
}


def messages_in(given: Any, key: str, role: str = "role") -> list[Message]:
    """The messages that a key holds, their roles by one name each.

    Args:
        given: what the key holds.
        key: its name, for errors.
        role: the name that messages have for a role.

    Raises:
        ValueError: it is no list of messages; a role is unknown.
    """
    is_list = isinstance(given, Sequence) and not isinstance(given, str) and all(isinstance(m, Mapping) for m in given)
    if not is_list or not all(isinstance(m.get(part), str) for m in given for part in (role, "content")):
        raise ValueError(f"{key!r} must be a list of messages {{{role}, content}}, both text; found {given!r:.60}")
    for message in given:
        if message[role] not in _ROLES:
            raise ValueError(f"{key!r}: the {role} {message[role]!r:.60} is unknown: give one of {', '.join(_ROLES)}")
    return [{"role": _ROLES[message[role]], "content": message["content"]} for message in given]


def dialogue(messages: Sequence[Message]) -> str:
    r"""The messages as text, up to the assistant's next turn: "\n\nHuman: ...\n\nAssistant:".

    What a system says has no speaker in this form and stands as it is.
    """
    return "".join(f"{_BEFORE[one['role']]}{one['content']}" for one in messages) + ASSISTANT
