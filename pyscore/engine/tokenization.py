"""Which tokens are the prompt's and which are the answer's, by the conventions of lm-evaluation-harness."""

from __future__ import annotations

import copy
import hashlib
import json
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from pyscore.engine.prefix import prefix_of
from pyscore.engine.sources.source import Vocabulary

__all__ = [
    "CLEAN",
    "MERGED",
    "SPLIT",
    "AnswerTokenizer",
    "AnswerTokens",
    "move_trailing_space",
    "split_tokens",
    "tokenizer_hash",
]

CLEAN = "clean"
"""The prompt's tokens are a prefix of those of prompt and answer: the answer is scored, all of it and nothing else."""
MERGED = "merged"
"""A token spans the join: the answer is scored from the first token that differs, which holds text of the prompt."""
SPLIT = "split"
"""A token spans the join, but not every answer's of the question: scored by tokens of its own after the prompt."""

_TEXTS_AT_ONCE = 2048  # the tokenizer keeps offsets and words of all texts of one call until they are read
_ANCHORS = ("", "\n", ":", "x")  # texts after which an answer is encoded, to find tokens that are its own


class AnswerTokens(NamedTuple):
    """The token ids of one prompt and answer.

    Attributes:
        context: what the answer is conditioned on; at least one token, the same for all answers of a question.
        answer: what is scored; at least one token.
        boundary: `CLEAN`, `MERGED` or `SPLIT`.
        truncated: tokens were cut from the left of the context.
    """

    context: list[int]
    answer: list[int]
    boundary: str
    truncated: bool


def move_trailing_space(prompt: str, answer: str) -> tuple[str, str]:
    """Hand the prompt's trailing whitespace to the answer: most tokenizers join a space to the word after it."""
    stripped = prompt.rstrip()
    return stripped, prompt[len(stripped) :] + answer


def split_tokens(prompt: Sequence[int], whole: Sequence[int]) -> tuple[list[int], list[int], str]:
    """Split encode(prompt + answer) into context, answer and boundary, given encode(prompt)."""
    joined = 0
    for ours, theirs in zip(prompt, whole, strict=False):
        if ours != theirs:
            break
        joined += 1
    return list(whole[:joined]), list(whole[joined:]), CLEAN if joined == len(prompt) else MERGED


class AnswerTokenizer:
    """Tokenises prompts with their answers.

    Every text begins with the prefix, once: a text that begins with it, or with BOS, gets none. Nothing is put after a
    text. An empty prompt, or a context without a token, becomes BOS, or EOS where the tokenizer has no BOS.

    Args:
        tokenizer: of Hugging Face transformers.
        add_bos: what texts begin with. "auto": what the tokenizer puts before them by itself. True: the same, and BOS
            before it where the tokenizer has one and doesn't put it there. False: nothing.
        max_length: how many tokens the model can take, None for no limit.
        vocabulary: which tokens the model knows.

    Attributes:
        prefix: the tokens that every text begins with; may be none.

    Raises:
        ValueError: add_bos is True, but the tokenizer has no BOS and puts nothing before a text; what it puts there
            can't be told from the text.
    """

    def __init__(
        self,
        tokenizer: Any,
        *,
        add_bos: bool | str = False,
        max_length: int | None = None,
        vocabulary: Vocabulary | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.vocabulary = vocabulary or Vocabulary()
        self.prefix = prefix_of(tokenizer, add_bos)
        bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
        self._first: int | None = eos if bos is None else bos

    def of_any_length(self) -> AnswerTokenizer:
        """The same without a limit."""
        found = copy.copy(self)
        found.max_length = None
        return found

    @property
    def first(self) -> int:
        """What the first token follows where there is no prefix: BOS, or EOS where the tokenizer has no BOS.

        Raises:
            ValueError: it has neither.
        """
        if self._first is None:
            raise ValueError("the tokenizer has neither BOS nor EOS for the first token of a text to follow")
        return self._first

    def encode(
        self,
        pairs: Sequence[tuple[str, str]],
        names: Sequence[str],
        *,
        sizes: Sequence[int] | None = None,
        truncate: bool = False,
    ) -> list[AnswerTokens]:
        """Token ids of every (prompt, answer).

        Args:
            pairs: the texts.
            names: which question each pair belongs to, for errors.
            sizes: how many pairs, one after the other, are the answers of each question; they have one prompt, and are
                scored after one context. By default each pair stands alone.
            truncate: cut contexts that are too long from the left.

        Raises:
            ValueError: an answer without tokens, a token that the model doesn't know, or too many tokens for the model
                and not ``truncate``.
        """
        moved = [move_trailing_space(prompt, answer) for prompt, answer in pairs]
        ids = self._encode_texts({text for prompt, answer in moved for text in (prompt, prompt + answer)})
        found: list[AnswerTokens] = []
        for size in sizes or [1] * len(pairs):
            own = range(len(found), len(found) + size)
            prompt, wholes = ids[moved[own[0]][0]], [ids["".join(moved[i])] for i in own]
            if pairs[own[0]][0]:  # an empty prompt gets `first` and no prefix, as in the harness
                prompt, *wholes = (self.with_prefix(tokens) for tokens in (prompt, *wholes))
            labels = [f"question {names[i]!r}, answer {_short(pairs[i][1])}" for i in own]
            texts = [moved[i][1] for i in own]
            found += self._encode_question(prompt, wholes, texts, labels, truncate)
        return found

    def encode_prompt(self, prompt: str) -> list[int]:
        """What tokens that are given as such follow: the prompt as it stands, at least one token."""
        return (self.with_prefix(self._encode_texts([prompt])[prompt]) if prompt else []) or [self.first]

    def encode_document(self, text: str | Sequence[int], *, score_prefix: bool = False) -> tuple[list[int], list[int]]:
        """What is read before a text (or its token ids), and its tokens.

        Args:
            text: the text or its token ids.
            score_prefix: count the prefix, or the BOS that the text begins with, among its tokens; they follow `first`.
        """
        tokens = self._encode_texts([text])[text] if isinstance(text, str) else list(text)
        if score_prefix:
            return [self.first], self.with_prefix(tokens)
        before = self.prefix
        if not before or (tokens[: len(before)] != before and tokens[:1] == [self._first]):
            before = [self.first]
        return list(before), tokens[len(before) :] if tokens[: len(before)] == before else tokens

    def with_prefix(self, tokens: list[int]) -> list[int]:
        """The tokens after the prefix, unless they begin with it or with `first`, as in the harness."""
        if not self.prefix or tokens[: len(self.prefix)] == self.prefix or tokens[:1] == [self._first]:
            return tokens
        return [*self.prefix, *tokens]

    def check(self, context: Sequence[int], answer: Sequence[int], name: str) -> None:
        """Raise ValueError if there is a token that the model doesn't know; ``name`` says in what."""
        self.vocabulary.check(self.tokenizer, context, answer, name)

    def _encode_texts(self, texts: Iterable[str]) -> dict[str, list[int]]:
        ordered = sorted(texts)
        encoded: dict[str, list[int]] = {}
        for start in range(0, len(ordered), _TEXTS_AT_ONCE):
            some = ordered[start : start + _TEXTS_AT_ONCE]
            # verbose=False, or the tokenizer would warn of texts longer than the model's context, which `_fit` judges.
            ids = self.tokenizer(some, add_special_tokens=False, return_attention_mask=False, verbose=False)
            for text, tokens in zip(some, ids["input_ids"], strict=True):
                encoded[text] = list(tokens)
        return encoded

    def _encode_question(
        self,
        prompt: list[int],
        wholes: Sequence[list[int]],
        texts: Sequence[str],
        labels: Sequence[str],
        truncate: bool,
    ) -> list[AnswerTokens]:
        """The answers of one question after one context: what all splits have in common, else all of the prompt."""
        splits = [split_tokens(prompt, whole) for whole in wholes]
        for (_, answer, _), label in zip(splits, labels, strict=True):
            if not answer:
                raise ValueError(
                    f"{label}: the answer has no tokens of its own after the prompt, so it has no probability"
                )
        contexts, answers, boundaries = (list(column) for column in zip(*splits, strict=True))
        context = contexts[0]
        if any(len(each) != len(context) for each in contexts):
            context = prompt
            for i in (i for i, boundary in enumerate(boundaries) if boundary == MERGED):
                answers[i], boundaries[i] = self._own_tokens(prompt, wholes[i], texts[i], labels[i]), SPLIT
        if not context:
            if self._first is None:
                raise ValueError(
                    f"{labels[0]}: nothing precedes it, and the tokenizer has neither BOS nor EOS to stand in"
                )
            context = [self._first]
            answers = [own[1:] if own[0] == context[0] and len(own) > 1 else own for own in answers]
        for own, label in zip(answers, labels, strict=True):
            self.check(context, own, label)
        kept = self._fit(context, answers, labels, truncate)
        cut = len(kept) < len(context)
        return [AnswerTokens(kept, own, boundary, cut) for own, boundary in zip(answers, boundaries, strict=True)]

    def _own_tokens(self, prompt: list[int], whole: list[int], text: str, label: str) -> list[int]:
        """An answer's tokens as they stand after a prompt that they don't merge with.

        A text alone may be encoded with a space before it, so it is also encoded after others; what decodes to the
        same text as the whole is taken.
        """
        wanted = self._text_of(whole)
        for anchor in _ANCHORS:
            ids = self._encode_texts({anchor, anchor + text})
            _, own, boundary = split_tokens(ids[anchor], ids[anchor + text])
            if own and boundary == CLEAN and self._text_of([*prompt, *own]) == wanted:
                return own
        raise ValueError(
            f"{label}: a token spans the join of prompt and answer, and the tokenizer encodes the answer alone as "
            "another text: let the prompt end, or the answers begin, with a space"
        )

    def _text_of(self, tokens: list[int]) -> str:
        text = self.tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return unicodedata.normalize("NFKC", text)

    def _fit(
        self, context: list[int], answers: Sequence[list[int]], labels: Sequence[str], truncate: bool
    ) -> list[int]:
        """The context, cut from the left (after the prefix) so that the model can take all but the last token.

        It is cut alike for all answers: to what the longest of them leaves.
        """
        longest, label = max(zip(map(len, answers), labels, strict=True), key=lambda pair: pair[0])
        if self.max_length is None or len(context) + longest - 1 <= self.max_length:
            return context
        room = self.max_length + 1 - longest
        if room < 1:
            raise ValueError(f"{label}: the answer has {longest} tokens, the model takes {self.max_length}")
        if not truncate:
            raise ValueError(
                f"{label}: {len(context)} prompt and {longest} answer tokens, more than the model's context of "
                f"{self.max_length}; truncate=True (--truncate) cuts prompts from the left"
            )
        n = len(self.prefix)
        kept = n if context[:n] == self.prefix and room > n else 0
        return context[:kept] + context[len(context) - room + kept :]


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


def tokenizer_hash(tokenizer: Any) -> str:
    """SHA-256, in hex, of the tokenizer's whole definition, or of its vocabulary where it has no serialised form."""
    fast = getattr(tokenizer, "backend_tokenizer", None)
    if fast is not None:
        return _definition_hash(fast.to_str())
    text = json.dumps(sorted(tokenizer.get_vocab().items()))
    return hashlib.sha256(text.encode()).hexdigest()


@lru_cache(
    maxsize=2
)  # a definition has megabytes, and to read and write one as JSON takes ten times as long as to get it
def _definition_hash(definition: str) -> str:
    # Padding and truncation are left from the tokenizer's last call, and don't define it.
    text = json.dumps(json.loads(definition) | {"padding": None, "truncation": None}, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
