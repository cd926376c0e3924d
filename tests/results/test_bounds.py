"""Rows with bounds of log-probabilities: each public function gives bounds, or says why it can't."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import pyscore
from pyscore import report, results
from pyscore.metrics import BoundedEstimate
from pyscore.report.cells import cells_of
from pyscore.report.tables import headline_table
from pyscore.results.question_scores import scores_from_rows
from pyscore.results.run_answers import COLUMNS, RunAnswers
from pyscore.results.states import states_of_rows
from pyscore.results.study_values import read_values
from pyscore.store import write_rows
from pyscore.store.files import locate
from pyscore.store.grouping import group_rows
from pyscore.store.parts import keys_in, read_part, write_part
from pyscore.sweep.sweeps import run as sweep
from tests.results.runs import rows as rows_of
from tests.results.runs import run
from tests.sweep.fake_models import small_study

INF = math.inf
REFUSAL = "10 of 40 questions have answers whose log-probability is known between bounds alone, such as question 'q0'"


def with_bounds(**columns: Any) -> list[dict[str, Any]]:
    """Forty questions, every fourth of which has a matching answer without, or another one with a lower bound."""
    made = run(**columns)
    for i in range(0, len(made), 16):
        made[i]["logprob_low"] = -INF
        made[i + 9]["logprob_low"] = made[i + 9]["logprob"] - 0.5
    return made


BOUNDED, EXACT = rows_of(with_bounds()), rows_of(run())


@pytest.fixture
def path(tmp_path: Path) -> str:
    write_rows(BOUNDED, tmp_path / "rows.parquet")
    return str(tmp_path / "rows.parquet")


REFUSE: dict[str, Callable[[str], Any]] = {
    "answers_from_rows": lambda path: results.answers_from_rows(BOUNDED),
    "comparison_from_rows": lambda path: results.comparison_from_rows(BOUNDED),
    "compare_runs": lambda path: results.compare_runs(EXACT, BOUNDED),
    "compare_runs, paths": lambda path: results.compare_runs(path, EXACT),
    "curve": lambda path: results.curve(_steps(path)),
    "pyscore.comparison_from_rows": lambda path: pyscore.comparison_from_rows(BOUNDED),
    "scores_from_rows": lambda path: scores_from_rows(BOUNDED),
    "RunAnswers.gather": lambda path: RunAnswers.gather([BOUNDED.select([*COLUMNS])]),
    "report.figure": lambda path: report.figure("log_odds", BOUNDED),
}
GIVE: dict[str, Callable[[str], Any]] = {
    "bounds_from_rows": lambda path: results.bounds_from_rows(BOUNDED).highest.probability,
    "summarize_rows": lambda path: results.summarize_rows(BOUNDED)[0].summary.mean_probability,
    "tidy": lambda path: results.tidy(path),
    "scan": lambda path: results.scan(path).read_all(),
    "clusters_from_rows": lambda path: results.clusters_from_rows(BOUNDED),  # which reads no log-probability
}
NO_READERS = {"QuestionScores", "RowsSummaries", "RowsSummary", "RunDifference", "RunDifferences", "write_table"}
OF_DOCUMENTS = {"perplexity"}  # of tables of score_documents, which has no bounds


def _steps(path: str) -> str:
    both = [with_bounds(step=step, run_id=str(step)) for step in (0, 1)]
    write_rows(rows_of(*both), f"{path}.steps.parquet")
    return f"{path}.steps.parquet"


def test_every_public_function_is_known_here() -> None:
    assert set(results.__all__) <= {*REFUSE, *GIVE} | NO_READERS | OF_DOCUMENTS


@pytest.mark.parametrize("name", REFUSE)
def test_what_needs_exact_values_says_how_many_are_not(name: str, path: str) -> None:
    with pytest.raises(ValueError, match=REFUSAL) as error:
        REFUSE[name](path)
    assert "summarize_rows" in str(error.value) and "docs/bounds.md" in str(error.value)


@pytest.mark.parametrize("name", GIVE)
def test_what_takes_bounds_gives_bounds(name: str, path: str) -> None:
    GIVE[name](path)


def test_modules_read_log_probabilities_of_rows_where_bounds_are_checked() -> None:
    """Whoever reads the column calls `group_rows`, which refuses bounds, or `exact_logprobs`, or is told of here."""
    known = {
        "engine/documents.py",  # makes tables of documents
        "engine/rows.py",  # makes rows
        "integrations/inspect_ai.py",  # after comparison_from_rows
        "integrations/inspect_letters.py",  # makes rows
        "report/compared.py",  # looks whether the column is there
        "results/documents.py",  # reads tables of documents
        "results/rows_of_runs.py",  # refuses upper bounds without lower ones
        "results/states.py",  # leaves out data sets with bounds
        "store/bounded.py",
        "store/schema.py",
    }
    folder = Path(pyscore.__file__).parent
    rooms = ("cli", "engine", "integrations", "report", "results", "store", "sweep")
    files = [file for room in rooms for file in (folder / room).rglob("*.py") if "sources" not in file.parts]
    readers = {str(file.relative_to(folder)): file.read_text() for file in files}
    found = {name for name, text in readers.items() if re.search(r"""["']logprob["']""", text)}
    assert {name for name in found - known if "group_rows" not in readers[name]} == set()


def test_columns_without_the_bounds_are_refused() -> None:
    with pytest.raises(ValueError, match="lack logprob_low"):
        group_rows(EXACT.select([name for name in COLUMNS if name != "logprob_low"]), key=("dataset", "question_id"))


@pytest.mark.parametrize("bad", [math.nan, 0.0])
def test_a_lower_bound_is_one(bad: float) -> None:
    made = run()
    made[3]["logprob_low"] = bad
    with pytest.raises(ValueError, match=r"question 'q1' has the lower bound (nan|0.0) of the log-probability -"):
        results.summarize_rows(rows_of(made))


def test_bounds_that_are_the_value_change_nothing() -> None:
    made = run(per_cluster=4)
    equal = [row | {"logprob_low": row["logprob"]} for row in made]
    assert set(states_of_rows(rows_of(equal))) == {"d"}
    for function in (results.comparison_from_rows, results.summarize_rows):
        assert str(function(rows_of(equal))) == str(function(rows_of(made)))
    (found,), (exact,) = results.summarize_rows(rows_of(equal)), results.summarize_rows(rows_of(made))
    assert found.to_dict() == exact.to_dict() and found.n_bounded == 0


@pytest.mark.parametrize("options", [{}, {"normalize": "char", "sets": "sum", "ties": "strict"}])
def test_summaries_hold_every_value_within_the_bounds(options: dict[str, Any]) -> None:
    made, rng = with_bounds(), np.random.default_rng(1)
    (found,) = results.summarize_rows(rows_of(made), **options)
    assert (found.n_bounded, found.n_undecided > 0) == (10, True)
    assert "bounds: 10 of 40 questions (25 %) have answers" in str(found)
    for _ in range(20):
        drawn = [dict(row) for row in made]
        for row in drawn:
            low = row.pop("logprob_low", None)
            if low is not None:
                below = rng.exponential() if low == -INF else rng.uniform(0, row["logprob"] - low)
                row["logprob"] -= float(below)
        (exact,) = results.summarize_rows(rows_of(drawn), **options)
        for name in ("mean_probability", "preference_rate", "mean_log_odds", "mean_coverage", "tie_rate", "brier"):
            value, estimate = getattr(exact.summary, name).value, getattr(found.summary, name)
            assert isinstance(estimate, BoundedEstimate), name
            assert estimate.value_low - 1e-12 <= value <= estimate.value_high + 1e-12, name


def test_averages_over_data_sets_have_bounds_where_one_of_them_has() -> None:
    exact, bounded, pooled, macro = results.summarize_rows(rows_of(run(dataset="a"), with_bounds(dataset="b")))
    assert exact.n_bounded == 0 and not isinstance(exact.summary.mean_probability, BoundedEstimate)
    ends = {}
    for each in (bounded, pooled, macro):
        mean = each.summary.mean_probability
        assert each.n_bounded == 10 and isinstance(mean, BoundedEstimate)
        ends[each.scope] = (mean.value_low, mean.value_high)
    own = exact.summary.mean_probability.value
    assert ends["pooled"] == pytest.approx([(own + end) / 2 for end in ends["dataset"]]) == ends["macro"]
    assert str(results.summarize_rows(rows_of(with_bounds()))).count("bounds: 10 of 40") == 1


def test_tidy_tables_hold_bounds_beside_an_empty_value(path: str) -> None:
    metrics = ["mean_probability", "mean_log_odds", "ece", "chance", "lm_eval"]
    lines = {line["metric"]: line for line in results.tidy(path, metrics=metrics).to_pylist()}
    (summary,) = results.summarize_rows(BOUNDED)
    expected = summary.summary.mean_probability.to_dict()
    found = lines["mean_probability"]
    assert expected["value"] is None and found["value"] is None
    for name in ("value_low", "value_high", "low", "high", "stderr"):
        assert found[name] == pytest.approx(expected[name]), name
    assert found["reason"].startswith("bounds: 10 of 40 questions have log-probabilities that aren't exact, ")
    assert (lines["mean_log_odds"]["value_low"], lines["mean_log_odds"]["low"]) == (-INF, None)
    assert lines["chance"]["value"] == 0.5 and lines["chance"]["value_low"] is None
    for name in lines.keys() - {"mean_probability", "mean_log_odds", "chance"}:
        assert lines[name]["value"] is lines[name]["value_low"] is lines[name]["low"] is None and lines[name]["reason"]
    exact = results.summarize_rows(EXACT)[0].summary.mean_probability
    write_rows(EXACT, f"{path}.exact.parquet")
    (line, *_) = results.tidy(f"{path}.exact.parquet", metrics=metrics).to_pylist()
    assert line["value"] == pytest.approx(exact.value)
    assert line["value_low"] is line["value_high"] is line["reason"] is None


def test_scans_give_no_upper_bound_without_the_lower_one(path: str) -> None:
    with pytest.raises(ValueError, match="upper bounds in the column logprob: ask for logprob_low"):
        results.scan(path, ["question_id", "logprob"]).read_all()
    both = results.scan(path, ["logprob", "logprob_low"]).read_all()
    assert both["logprob_low"].null_count == 70
    assert results.scan(path, ["question_id"]).read_all().num_rows == 80


def test_states_leave_out_data_sets_with_bounds() -> None:
    assert set(states_of_rows(rows_of(run(dataset="a"), with_bounds(dataset="b")))) == {"a"}
    assert states_of_rows(BOUNDED) == {}


def test_reports_leave_out_data_sets_with_bounds_and_say_the_ends(tmp_path: Path) -> None:
    steps = [
        each
        for step in (0, 1)
        for each in (run(dataset="a", step=step, seed=step), with_bounds(dataset="b", step=step, seed=step))
    ]
    write_rows(rows_of(*steps), tmp_path / "rows.parquet")
    values = read_values(str(tmp_path / "rows.parquet"))
    for each in values.groups:
        assert each.scores is not None and each.scores.datasets.unique().to_pylist() == ["a"]
        assert each.lacking == {"b": "bounds: 10 of 40 questions have log-probabilities that aren't exact"}
    report.write(str(tmp_path / "rows.parquet"), tmp_path / "page.html")
    columns, reasons = cells_of(values).columns()
    told = r"0\.\d{4} to 0\.\d{4}, interval \[0\.\d{4}, 0\.\d{4}\]; bounds: 10 of 40 questions"
    for name in ("mean_probability", "preference_rate"):
        found = columns["metrics"][name]
        for i, dataset in enumerate(columns["dataset"]):
            exact = columns["scope"][i] == "dataset" and values.datasets[dataset] == "a"
            assert [found[each][i] is None for each in ("value", "low", "high")] == [not exact] * 3
            assert exact or "10 of" in reasons[found["reason"][i]]
        assert any(re.match(told, reasons[at]) for at in found["reason"] if at is not None)


def test_a_report_of_bounds_alone_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"no data set can be reported: bounds: 10 of 40 questions .*summarize_rows"):
        report.write(path, f"{path}.html")


def test_headline_tables_show_bounds_and_hold_no_value(path: str) -> None:
    (line,) = headline_table(path).lines
    assert line["mean_probability"] is line["mean_probability_low"] is None
    assert re.fullmatch(r"0\.\d+ to 0\.\d+, interval \[.*\]; bounds: 10 of 40.*", line["mean_probability_reason"])


def test_the_command_line_prints_bounds(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    from pyscore.cli.summarize import summarize

    (found,) = results.summarize_rows(BOUNDED)
    mean = found.summary.mean_probability
    assert isinstance(mean, BoundedEstimate)
    summarize([path])
    printed = capsys.readouterr().out
    assert (
        f"{mean.value_low:.4f} to {mean.value_high:.4f}" in printed and "bounds: 10 of 40 questions (25 %)" in printed
    )
    summarize([path], json=True)
    told = json.loads(capsys.readouterr().out)["summaries"][0]
    assert (told["n_bounded"], told["mean_probability"]["value_low"]) == (10, mean.value_low)
    assert told["mean_probability"]["value"] is None and told["mean_log_odds"]["value_low"] is None


def test_rules_are_checked() -> None:
    with pytest.raises(ValueError, match="normalize='pmi' is not one of"):
        results.bounds_from_rows(BOUNDED, normalize="pmi")


def test_data_sets_with_bounds_are_left_out_of_what_checkpoints_have_in_common(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=2, datasets=(5, 4))
    sweep(study)
    for part in tmp_path.rglob("part-*.parquet"):
        rows, keys = read_part(locate(part)), keys_in(pq.read_metadata(part).metadata)
        bounded = pc.and_(pc.equal(rows["dataset"], study.datasets[1].name), pc.equal(rows["step"], 100))
        low = pc.if_else(bounded, pc.subtract(rows["logprob"], 1.0), pa.scalar(None, pa.float64()))
        at = rows.schema.get_field_index("logprob_low")
        write_part(locate(part), rows.set_column(at, rows.schema.field(at), low), *keys)
    reason = "bounds: 4 of 4 questions have log-probabilities that aren't exact"
    with pytest.raises(ValueError, match=f"{reason}. To compare them, take what checkpoints have in common"):
        results.compare_runs(study.output)
    found = results.compare_runs(study.output, match="common")
    assert {each.dataset for each in found.differences} == {study.datasets[0].name}
    assert any(reason in note for note in found.notes)
