"""Chat: how likely a reply's first token was to be the answer, exactly or within bounds.

A server tells the K largest log-probabilities of the first token. An answer among them has its own. Any other is no
likelier than the last of them, nor than all that they leave together:

    log p <= min(l_K, log(1 - sum_k exp l_k)),

and nothing bounds it from below.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from pyscore.engine.sources.openai.endpoint import (
    CLIPPED,
    ROUNDING,
    Dialect,
    Endpoint,
    first_choice,
    logprob,
    token_id,
)
from pyscore.engine.sources.openai.options import Options
from pyscore.engine.sources.source import ScoreRequest, TokenScore

__all__ = ["Chat"]

_CHECK_TEXT = "Is 12 + 7 less than 20? Answer with Yes or No."
_NO_TEXT = "\ufffd"  # what bytes decode to that are no text
_AS_IT_IS = {"skip_special_tokens": False, "clean_up_tokenization_spaces": False}  # some tokenizers turn " ." into "."
_OTHER_TOKENS = (
    "the server's tokens aren't the tokenizer's: {}; give the tokenizer of the model that is served as the option "
    "tokenizer"
)


class Chat(Endpoint):
    """The endpoint "chat/completions": answers of one token, asked for once a prompt."""

    path = "chat/completions"

    def __init__(self, model: str, tokenizer: Any, options: Options) -> None:
        self._model, self._tokenizer, self._options = model, tokenizer, options

    @property
    def how(self) -> str:
        space = "without their leading space" if self._options.strip_space else "as they are"
        return f"top {self._options.top_logprobs} of the reply's first token; others bounded; answers {space}"

    @property
    def dialects(self) -> list[Dialect]:
        asked = self._options.token_ids
        ids = [True, False] if asked == "auto" else [bool(asked)]
        return [*(Dialect(own, ("max_tokens", 1)) for own in ids), Dialect(ids[-1], ("max_completion_tokens", 1))]

    def body(self, request: ScoreRequest, dialect: Dialect) -> dict[str, Any]:
        self.asked(request)
        return self._body(self._text_of(request.context), dialect)

    def _body(self, text: str, dialect: Dialect) -> dict[str, Any]:
        system = self._options.system
        before = [] if system is None else [{"role": "system", "content": system}]
        return {
            "model": self._model,
            "messages": [*before, {"role": "user", "content": text}],
            "logprobs": True,
            "top_logprobs": self._options.top_logprobs,
            "temperature": 0,
            **dialect.fields,
            **self._options.extra_body,
        }

    def split(self, request: ScoreRequest) -> int:
        return 0

    def read(self, answer: Mapping[str, Any], request: ScoreRequest, dialect: Dialect) -> dict[str, Any]:
        return {"top": self._top(answer)}

    def _top(self, answer: Mapping[str, Any]) -> list[tuple[int | str, float]]:
        """The likeliest first tokens, by id or by the bytes of their text, and how likely they are."""
        told = first_choice(answer).get("logprobs")
        content = told.get("content") if isinstance(told, dict) else None
        if not isinstance(content, list) or not content or not isinstance(content[0], dict):
            raise ValueError(
                "the answer has no logprobs of a first token: this server or model doesn't tell them, or it thinks "
                "before it replies, which extra_body may switch off"
            )
        tops = content[0].get("top_logprobs")
        if not isinstance(tops, list) or not tops or not all(isinstance(each, dict) for each in tops):
            raise ValueError("the answer has no top_logprobs of the first token: this server doesn't tell them")
        if len(tops) > self._options.top_logprobs:
            raise ValueError(f"the answer has {len(tops)} top_logprobs where {self._options.top_logprobs} were asked")
        found = [(_name(each), logprob(each.get("logprob"), f"top_logprobs[{i}]")) for i, each in enumerate(tops)]
        if len({type(name) for name, _ in found}) > 1:
            raise ValueError("the answer names some of its top_logprobs by id and some by text")
        return found

    def score(self, read: Any, request: ScoreRequest) -> TokenScore:
        token, names = self.asked(request)
        top = [(name, float(value)) for name, value in read["top"]]
        outside = _outside([value for _, value in top])
        if isinstance(top[0][0], int):
            n_alike, own = 1, [value for name, value in top if name == token]
        else:
            n_alike, own = self._n_alike(names), [value for name, value in top if name in names]
        is_greedy = bool(own) and max(own) >= max(value for _, value in top)
        # One of those that can't be told from each other is the answer's, or it lies outside of the top.
        high = max(own, default=outside)
        if own and len(own) < n_alike:
            # Some servers keep one of several tokens of one text, and not the likeliest: it may have all that is left.
            left = 1.0 - math.fsum(math.exp(value) for name, value in top if name not in names)
            high = min(0.0, max(high, math.log(max(left, 0.0) + ROUNDING)))
        low = min(own) if own and len(own) >= n_alike and min(own) > CLIPPED else -math.inf
        return TokenScore([high], is_greedy, None if low == high else [low])

    def probe(self, dialect: Dialect) -> dict[str, Any]:
        return self._body(_CHECK_TEXT, dialect)

    def check(self, answer: Mapping[str, Any], dialect: Dialect) -> None:
        """Hold the names of the likeliest tokens against the tokenizer's, and an id against the reply's text."""
        names = [name for name, _ in self._top(answer)]
        unknown = next((name for name in names if not self._is_known(name)), None)
        if unknown is not None:
            told = unknown if isinstance(unknown, int) else bytes.fromhex(unknown).decode()
            raise ValueError(_OTHER_TOKENS.format(f"it names {told!r}, which is no token here"))
        choice = first_choice(answer)
        first, message = token_id(choice["logprobs"]["content"][0].get("token")), choice.get("message")
        text = message.get("content") if isinstance(message, dict) else None
        if first is None or not isinstance(text, str) or not text.strip() or not self._is_known(first):
            return
        known = self._decode([first]).strip()
        if known != text.strip() and _NO_TEXT not in known + text:
            raise ValueError(_OTHER_TOKENS.format(f"the reply {text!r} is {known!r} here"))

    def _is_known(self, name: int | str) -> bool:
        if isinstance(name, int):
            return 0 <= name < len(self._tokenizer)
        text = bytes.fromhex(name).decode(errors="replace")
        return _NO_TEXT in text or not text or self._counts[name] > 0

    def asked(self, request: ScoreRequest) -> tuple[int, frozenset[str]]:
        """The token that is asked for, and the texts, as hexadecimal, by which a server may name it.

        Raises:
            ValueError: the answer isn't one token, or none that is text.
        """
        if len(request.continuation) != 1:
            raise self._unfit(request, "has more than one token, and a chat tells of a reply's first token only")
        token = request.continuation[0]
        text = self._decode([token])
        if self._options.strip_space and text.startswith(" "):
            # In a text a space parts the answer from the prompt; a reply begins a message of its own.
            ids = list(self._tokenizer(text.lstrip(" "), add_special_tokens=False)["input_ids"])
            if len(ids) != 1:
                raise self._unfit(request, f"has {len(ids)} tokens without its leading space, and must have one")
            token = int(ids[0])
        names = self._names[token] if token < len(self._names) else frozenset({self._decode([token])})
        if not names or any(_NO_TEXT in name for name in names):
            raise self._unfit(request, "is a token that is no text by itself")
        return token, frozenset(name.encode().hex() for name in names)

    def _unfit(self, request: ScoreRequest, why: str) -> ValueError:
        answer = self._decode(request.continuation)
        prompt = self._decode(request.context[-12:])
        return ValueError(
            f"endpoint='chat': the answer {answer!r:.60} after ...{prompt!r} {why}: ask for letters, such as A and B, "
            "or use endpoint='completions'"
        )

    def _text_of(self, context: list[int]) -> str:
        """The user's message: the prompt's text, without what the tokenizer puts before every text."""
        special = set(getattr(self._tokenizer, "all_special_ids", ()) or ())
        special |= {self._tokenizer.bos_token_id, self._tokenizer.eos_token_id}
        n = next((i for i, token in enumerate(context) if token not in special), len(context))
        within = next((token for token in context[n:] if token in special), None)
        if within is not None:
            name = self._tokenizer.convert_ids_to_tokens(within)
            raise ValueError(
                f"endpoint='chat': a prompt holds the special token {name!r}: the server applies its own chat "
                "template, so score with template='plain'"
            )
        text = self._decode(context[n:])
        if not text or (_NO_TEXT in text and list(self._encoded(text)) != list(context[n:])):
            raise ValueError(f"endpoint='chat': a prompt's tokens are no text: {text!r:.60}")
        return text

    def _decode(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, **_AS_IT_IS))

    def _encoded(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    @cached_property
    def _names(self) -> list[frozenset[str]]:
        """The texts by which a server may name each token."""
        ids = range(len(self._tokenizer))
        many = getattr(self._tokenizer, "batch_decode", None)
        texts = many([[i] for i in ids], **_AS_IT_IS) if many else [self._decode([i]) for i in ids]
        raw = [str(name) for name in self._tokenizer.convert_ids_to_tokens(list(ids))]
        # SentencePiece writes a token's leading space as U+2581, which decoding one token alone loses.
        spaced = [{name.replace("\u2581", " ")} if name.startswith("\u2581") else set() for name in raw]
        return [frozenset({text, *more} - {""}) for text, more in zip(texts, spaced, strict=True)]

    @cached_property
    def _counts(self) -> Counter[str]:
        return Counter(name.encode().hex() for names in self._names for name in names)

    def _n_alike(self, names: frozenset[str]) -> int:
        """How many tokens have these texts, at most."""
        return max(1, sum(self._counts[name] for name in names) - len(names) + 1)


def _name(entry: Mapping[str, Any]) -> int | str:
    """A token's id where it is told, else the bytes of its text as hexadecimal."""
    name, raw = entry.get("token"), entry.get("bytes")
    found = token_id(name)
    if found is not None:
        return found
    if isinstance(raw, list) and all(isinstance(byte, int) and 0 <= byte < 256 for byte in raw):
        return bytes(raw).hex()
    if not isinstance(name, str):
        raise ValueError(f"a token of top_logprobs has neither text nor bytes: {name!r:.60}")
    return name.encode(errors="replace").hex()


def _outside(top: list[float]) -> float:
    """The most that the log-probability of a token outside of the top can be, the server's rounding allowed for."""
    left = 1.0 - math.fsum(map(math.exp, top))
    return min(0.0, min(top) + ROUNDING, math.log(max(left, 0.0) + ROUNDING))
