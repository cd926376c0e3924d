"""Pairs of a chosen and a rejected text, as preference models are trained on them.

Bai et al. 2022, "Training a Helpful and Harmless Assistant with Reinforcement Learning from Human Feedback" (hh-rlhf);
Cui et al. 2023, "UltraFeedback". The forms are those that Hugging Face TRL documents: one text each, or messages, with
or without a prompt of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyscore.tasks.formats.fields import content_key
from pyscore.tasks.formats.format import Format, Reading
from pyscore.tasks.formats.prefixes import parted
from pyscore.tasks.formats.turns import ASSISTANT, Message, dialogue, messages_in
from pyscore.tasks.question import Question
from pyscore.tasks.reading import Record, required

__all__ = ["FORMATS"]

_PAIR = ("chosen", "rejected")
_OTHER_PROMPTS = ("question", "instruction", "input")


def _preference(record: Record, reading: Reading) -> Question:
    """What the texts have in common is the prompt, the rests are the answers; the chosen one matches."""
    values = record.values
    chosen, rejected = (required(values, key, (str, list)) for key in _PAIR)
    if type(chosen) is not type(rejected):
        raise ValueError("'chosen' and 'rejected' must both be texts or both be lists of messages")
    if values.get("prompt") is None:
        other = next((key for key in _OTHER_PROMPTS if key in values), None)
        if other is not None:
            raise ValueError(f"the row has {other!r} beside 'chosen' and 'rejected', but no 'prompt': rename it so")
    if chosen == rejected:
        raise ValueError("'chosen' and 'rejected' are the same: there is nothing to compare")
    meta = {key: value for key, value in values.items() if key not in ("prompt", *_PAIR)}
    if isinstance(chosen, str):
        prompt, answers = _of_texts(values)
    else:
        messages, answers = _of_messages(values)
        prompt, meta["messages"] = dialogue(messages), messages
    return Question(
        id=reading.id(record),
        prompt=prompt,
        answers=answers,
        is_matching=(True, False),
        cluster=content_key(prompt or "\n".join(sorted(answers))),
        meta=meta,
    )


def _of_texts(values: Mapping[str, Any]) -> tuple[str, tuple[str, str]]:
    """Prompt and answers of texts: after a prompt that they repeat or go on from, else where they part."""
    chosen, rejected = (values[key] for key in _PAIR)
    prompt = values.get("prompt")
    if prompt is None:
        prompt, chosen, rejected = _parted(chosen, rejected)
    else:
        prompt = _text_of(prompt)
        if chosen.startswith(prompt) and rejected.startswith(prompt):
            chosen, rejected = chosen[len(prompt) :], rejected[len(prompt) :]
    for key, answer in zip(_PAIR, (chosen, rejected), strict=True):
        if not answer.strip():
            raise ValueError(f"{key!r} holds no text after what both have in common: there is no answer to score")
    return prompt, (chosen, rejected)


def _text_of(prompt: Any) -> str:
    if not isinstance(prompt, str):
        return dialogue(messages_in(prompt, "prompt"))
    if not prompt.strip():
        raise ValueError("'prompt' is empty: leave it out where the texts hold it")
    return prompt


def _parted(chosen: str, rejected: str) -> tuple[str, str, str]:
    """The texts after the last turn of the assistant's that both begin; where there is none, after their last word."""
    shortest = min(len(chosen), len(rejected))
    same = next((i for i in range(shortest) if chosen[i] != rejected[i]), shortest)
    turn = chosen.rfind(ASSISTANT, 0, same)
    if turn < 0:
        return parted(chosen, rejected)
    end = turn + len(ASSISTANT)
    return chosen[:end], chosen[end:], rejected[end:]


def _of_messages(values: Mapping[str, Any]) -> tuple[list[Message], tuple[str, str]]:
    """The messages that both have in common, and what the assistant says after them."""
    chosen, rejected = (messages_in(values[key], key) for key in _PAIR)
    shortest = min(len(chosen), len(rejected))
    same = next((i for i in range(shortest) if chosen[i] != rejected[i]), shortest)
    before, rests = chosen[:same], (chosen[same:], rejected[same:])
    given = values.get("prompt")
    if not before and given is not None:
        before = [{"role": "user", "content": given}] if isinstance(given, str) else messages_in(given, "prompt")
    if not any(message["content"].strip() for message in before):
        raise ValueError("there is nothing to answer: give 'prompt', or messages that 'chosen' and 'rejected' share")
    for key, rest in zip(_PAIR, rests, strict=True):
        if len(rest) != 1 or rest[0]["role"] != "assistant" or not rest[0]["content"].strip():
            raise ValueError(
                f"{key!r} must end in one message of the assistant's with some text after those that both have in "
                f"common, found {', '.join(message['role'] for message in rest) or 'none'}"
            )
    return before, (f" {rests[0][0]['content']}", f" {rests[1][0]['content']}")


FORMATS = (
    Format(
        "preference",
        data="pairs of a chosen and a rejected text: hh-rlhf (Bai et al. 2022; hub Anthropic/hh-rlhf), UltraFeedback "
        "(Cui et al. 2023; hub HuggingFaceH4/ultrafeedback_binarized), the preference sets of Hugging Face TRL",
        keys=(frozenset(_PAIR),),
        read=_preference,
        example={
            "chosen": "\n\nHuman: How do I wash wool?\n\nAssistant: In cold water, and gently.",
            "rejected": "\n\nHuman: How do I wash wool?\n\nAssistant: I won't say.",
        },
        asks="`chosen` and `rejected` part after the last `Assistant:` that they share, or after the last word where "
        "there is none, or after `prompt` where the row has one (put together as they stand, as TRL does); of "
        "messages, those that both share become text as `Human: ...`, `Assistant:` and stay in `meta` as "
        "`messages`; the chosen one matches; equal prompts share a cluster",
        bare=True,
    ),
)
