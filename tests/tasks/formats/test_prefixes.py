"""Two texts part at the end of the last word that they share."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pyscore.tasks.formats.prefixes import parted

words = st.lists(st.sampled_from(["a", "ab", "abc", "b", "\n", ""]), min_size=1, max_size=6).map(" ".join)


@given(words, words)
def test_the_parts_make_up_the_texts_and_no_word_is_cut(first: str, second: str) -> None:
    assume(first != second)
    prompt, *rests = parted(first, second)
    assert [prompt + rest for rest in rests] == [first, second]
    assert prompt == prompt.rstrip()
    if prompt:
        assert all(rest and rest[0].isspace() for rest in rests)
    # The longest one: the next word, with the whitespace before it, isn't shared as a whole.
    longer = [i for i in range(len(prompt) + 1, len(first)) if first[i].isspace() and not first[i - 1].isspace()]
    assert not any(second.startswith(first[:i]) and second[i : i + 1].isspace() for i in longer)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("He ran off.", "She ran off.", ("", "He ran off.", "She ran off.")),
        ("A man sat.", "A maid sat.", ("A", " man sat.", " maid sat.")),
        ("A man", "A man sat.", ("A", " man", " man sat.")),
        ("Go", "Go on", ("", "Go", "Go on")),
        (" He", " She", ("", " He", " She")),
        ("One\n\ntwo", "One\n\nthree", ("One", "\n\ntwo", "\n\nthree")),
    ],
)
def test_where_texts_part(first: str, second: str, expected: tuple[str, str, str]) -> None:
    assert parted(first, second) == expected


def test_equal_texts_are_an_error() -> None:
    with pytest.raises(ValueError, match="both texts are 'Go': there is nothing to compare"):
        parted("Go", "Go")
