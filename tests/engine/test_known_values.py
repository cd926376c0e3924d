"""Questions whose values were found by an unbatched float64 forward, or by enumeration, with the bundled model."""

from __future__ import annotations

import pytest

from pyscore import Question, Scorer, comparison_from_rows

MIXED = Question("mixed", "My favourite planet is called Sat", ("urn", "-1"), (True, False))
NESTED = Question("nested", " ".join("ABCDEFGHIJKLMNOPQR"), (" S", " S T", " S T U", " X"), (True, False, False, False))


def test_a_mixed_question_is_compared_after_one_context_and_nested_mass_counts_once(bundled_scorer: Scorer) -> None:
    rows = bundled_scorer.score([MIXED, NESTED])
    assert rows["prompt_tokens"].to_pylist()[:2] == [6, 6]
    found = comparison_from_rows(rows)
    assert found.probability[0] == pytest.approx(0.9986, abs=5e-5)
    assert found.coverage[1] == pytest.approx(0.589, abs=5e-4)
