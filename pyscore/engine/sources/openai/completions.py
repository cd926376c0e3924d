"""Echoed prompts: the server reads context and continuation as token ids, and says how likely each of them was."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pyscore.engine.sources.openai.endpoint import CLIPPED, Dialect, Endpoint, first_choice, logprob, token_id
from pyscore.engine.sources.openai.options import Options
from pyscore.engine.sources.source import ScoreRequest, TokenScore

__all__ = ["Completions"]

_CHECK_TEXT = "Question: Is 12 + 7 less than 20, or is it more? Answer: It is 19, which is less."


class Completions(Endpoint):
    """The endpoint "completions" with ``echo``: exact to the server's rounding, any number of tokens."""

    path = "completions"
    how = "echoed by the server, exact to its rounding"

    def __init__(self, model: str, tokenizer: Any, options: Options) -> None:
        self._model, self._tokenizer, self._options = model, tokenizer, options

    @property
    def dialects(self) -> list[Dialect]:
        asked, most = self._options.token_ids, self._options.max_tokens
        ids = [True, False] if asked == "auto" else [bool(asked)]
        limits = [0, 1] if most == "auto" else [int(most)]
        return [Dialect(own, ("max_tokens", limit)) for limit in limits for own in ids]

    def body(self, request: ScoreRequest, dialect: Dialect) -> dict[str, Any]:
        return {
            "model": self._model,
            "prompt": [*request.context, *request.continuation],
            "echo": True,
            "logprobs": 1,
            "temperature": 0,
            **dialect.fields,
            **self._options.extra_body,
        }

    def split(self, request: ScoreRequest) -> int:
        return len(request.context)

    def read(self, answer: Mapping[str, Any], request: ScoreRequest, dialect: Dialect) -> dict[str, Any]:
        prompt = [*request.context, *request.continuation]
        told = _echoed(answer)
        tokens, values = told["tokens"], told["token_logprobs"]
        _check_length(answer, len(tokens), len(prompt), dialect)
        _check_ids(tokens, prompt)
        scored = range(len(request.context), len(prompt))
        found = [logprob(values[i], f"token_logprobs[{i}]") for i in scored]
        return {"logprobs": found, "greedy": self._is_greedy(told, scored, found)}

    def score(self, read: Any, request: ScoreRequest) -> TokenScore:
        found = read["logprobs"]
        clipped = any(value <= CLIPPED for value in found)
        lower = [-math.inf if value <= CLIPPED else value for value in found] if clipped else None
        return TokenScore(found, read["greedy"], lower)

    def probe(self, dialect: Dialect) -> dict[str, Any]:
        return self.body(self._probe, dialect)

    def check(self, answer: Mapping[str, Any], dialect: Dialect) -> None:
        """Hold the server's names of the probe's tokens against the tokenizer's."""
        self.read(answer, self._probe, dialect)  # lengths, ids and numbers
        _check_written(answer, len(self._probe.context) + len(self._probe.continuation))
        sent, names = [*self._probe.context, *self._probe.continuation], _echoed(answer)["tokens"]
        for i, (token, name) in enumerate(zip(sent, names[: len(sent)], strict=True)):
            if token_id(name) is not None:
                continue
            raw = str(self._tokenizer.convert_ids_to_tokens(token))
            own = {_plain(self._tokenizer.decode([token])), _plain(raw)}
            if _plain(str(name)) not in own and "\ufffd" not in str(name):
                raise ValueError(
                    f"the server's tokens aren't the tokenizer's: token {i} of a text is {name!r} there and {raw!r} "
                    "here; give the tokenizer of the model that is served as the option tokenizer"
                )

    @property
    def _probe(self) -> ScoreRequest:
        ids = list(self._tokenizer(_CHECK_TEXT, add_special_tokens=False)["input_ids"])
        return ScoreRequest(ids[:1], ids[1:])

    def _is_greedy(self, told: Mapping[str, Any], scored: range, found: list[float]) -> bool:
        tops = told.get("top_logprobs")
        if not isinstance(tops, list) or any(not isinstance(tops[i], dict) or not tops[i] for i in scored):
            if self._options.assume_not_greedy:  # what has more than half of the probability is greedy all the same
                return all(value > -math.log(2) for value in found)
            raise ValueError(
                "the answer has no top_logprobs of the prompt, which tell whether tokens are the likeliest; where the "
                "column is_greedy isn't needed, the option assume_not_greedy=True scores without them"
            )
        best = [max(logprob(value, f"top_logprobs[{i}]") for value in tops[i].values()) for i in scored]
        return all(value >= top for value, top in zip(found, best, strict=True))


def _echoed(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The lists "tokens" and "token_logprobs" of the prompt, and "top_logprobs" where they are told."""
    found = first_choice(answer).get("logprobs")
    prompts = answer.get("prompt")
    if isinstance(prompts, list) and len(prompts) == 1 and isinstance(prompts[0], dict) and "logprobs" in prompts[0]:
        found = prompts[0]["logprobs"]  # some servers tell of the prompt apart from what was written after it
    if not isinstance(found, dict):
        raise ValueError("the answer has no logprobs: this server doesn't echo prompts, try the option endpoint='chat'")
    tokens, values = found.get("tokens"), found.get("token_logprobs")
    tops = found.get("top_logprobs")
    if not isinstance(tokens, list) or not isinstance(values, list) or len(tokens) != len(values):
        raise ValueError("the answer's tokens and token_logprobs must be lists of the same length")
    if isinstance(tops, list) and len(tops) != len(tokens):
        raise ValueError(f"the answer has {len(tops)} top_logprobs for {len(tokens)} tokens")
    return found


def _check_length(answer: Mapping[str, Any], n: int, sent: int, dialect: Dialect) -> None:
    usage = answer.get("usage")
    counted = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    if isinstance(counted, int) and counted != sent:
        raise ValueError(
            f"the server read {counted} tokens where {sent} were sent: it adds tokens, such as BOS, or tokenises "
            "again; its log-probabilities belong to another text, so let it take token ids as they are"
        )
    if not sent <= n <= sent + dialect.limit[1]:
        why = "it doesn't echo the prompt, try the option endpoint='chat'" if n <= 1 else "it must take ids as they are"
        raise ValueError(f"the server tells of {n} tokens where {sent} were sent: {why}")


def _check_written(answer: Mapping[str, Any], sent: int) -> None:
    """Hold that a token which was written after the prompt is told of, or the log-probabilities are one place off."""
    usage = answer.get("usage")
    written = usage.get("completion_tokens") if isinstance(usage, dict) else None
    apart = isinstance(answer.get("prompt"), list)  # what is told of the prompt then stands by itself
    if written == 1 and not apart and len(_echoed(answer)["tokens"]) == sent:
        raise ValueError(
            "the server wrote a token and tells of none after the prompt, so that its log-probabilities may be those "
            "of the places after: try the option endpoint='chat'"
        )


def _check_ids(tokens: list[Any], prompt: list[int]) -> None:
    for i, (name, sent) in enumerate(zip(tokens[: len(prompt)], prompt, strict=True)):
        if token_id(name) not in (None, sent):
            raise ValueError(f"the server's token {i} is {name!r} where {sent} was sent: it must take ids as they are")


def _plain(text: str) -> str:
    """A token's text without what tokenizers write for a space, which servers keep or lose."""
    return text.replace("\u2581", " ").replace("\u0120", " ").replace("\u010a", "\n").strip()
