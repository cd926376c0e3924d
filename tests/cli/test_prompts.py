"""Prompts on the command line: the options of a chat, what rows record of them, and --dry-run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pyscore.cli.app import app
from pyscore.cli.prompts import chosen_template
from pyscore.store import metadata_of, read_rows
from pyscore.tasks import ChatTemplate
from tests.engine.tiny import save_tiny

CHAT = (
    "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}{% endfor %}"
    "{% if enable_thinking is defined and not enable_thinking %}[fast]{% endif %}[assistant]"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = save_tiny(tmp_path_factory.mktemp("model"))
    (folder / "chat_template.jinja").write_text(CHAT)
    return folder


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [
        {"question": f"Do you {i}? ", "answer_matching_behavior": " Yes", "answer_not_matching_behavior": " No"}
        for i in range(2)
    ]
    path = tmp_path_factory.mktemp("questions") / "first.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_options_of_a_chat_are_read_as_json_or_text_and_their_escapes_as_a_template_s(tmp_path: Path) -> None:
    (tmp_path / "system.txt").write_text("Be brief.\nBe kind.\n")
    given = ["enable_thinking=false", "n=3", "style=short", "note=a=b", "odd=NaN"]
    found = chosen_template("chat", f"@{tmp_path}/system.txt", given, r"Well,\n", "2026-01-31")
    arguments = {"enable_thinking": False, "n": 3, "style": "short", "note": "a=b", "odd": "NaN"}
    assert found == ChatTemplate("Be brief.\nBe kind.", arguments, "Well,\n", "2026-01-31")
    assert str(chosen_template("chat", None, [], None, None)) == "chat"


def test_a_new_line_typed_as_an_escape_is_one() -> None:
    assert chosen_template(r"Q: {{ question }}\nA:", None, [], None, None) == "Q: {{ question }}\nA:"


def test_rows_record_the_options_of_a_chat_the_step_and_the_run_id(model: Path, file: Path, tmp_path: Path) -> None:
    chat = ["-t", "chat", "--system-prompt", "Be brief.", "--template-arg", "enable_thinking=false"]
    output = tmp_path / "rows.parquet"
    arguments = ["score", file, "-m", model, *chat, "--step", 100, "--run-id", "mine", "-o", output]
    run(*arguments, "--assistant-prefix", "Well,")
    rows = read_rows(output)
    recorded = metadata_of(rows)["template"]
    assert recorded == str(ChatTemplate("Be brief.", {"enable_thinking": False}, "Well,"))
    assert set(rows["step"].to_pylist()) == {100}
    assert set(rows["run_id"].to_pylist()) == {"mine"}
    other = CliRunner().invoke(app, [str(a) for a in (*arguments, "--resume")])
    assert other.exit_code == 2 and "template" in other.stderr


def test_a_run_goes_on_under_its_own_id_only(model: Path, file: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    arguments = ["score", file, "-m", model, "-o", output]
    run(*arguments, "--limit", 1, "--run-id", "mine")
    other = CliRunner().invoke(app, [str(a) for a in (*arguments, "--resume", "--run-id", "other")])
    assert (other.exit_code, other.stderr.count("\n")) == (2, 1)
    assert "has the run_id 'mine', not 'other'" in other.stderr
    run(*arguments, "--resume")
    assert set(read_rows(output)["run_id"].to_pylist()) == {"mine"}


def test_a_dry_run_shows_prompt_and_tokens_and_loads_no_weights(
    model: Path, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pyscore.engine.sources.huggingface.load.load_model", lambda *_, **__: pytest.fail("the model was loaded")
    )
    chat = ["-t", "chat", "--system-prompt", r"Be brief.\nBe kind.", "--template-arg", "enable_thinking=false"]
    shown = run("score", file, "-m", model, *chat, "--dry-run", "-o", tmp_path / "none").splitlines()
    assert shown[0] == "data set first, question first:0"
    assert "  |Do you 0? |" in shown
    prompt = shown.index("  |[system]Be brief.|")
    assert shown[prompt + 1] == "  |Be kind.[user]Do you 0? [fast][assistant]|"
    assert [line.partition(",")[0] for line in shown[prompt + 2 :]] == [
        "prompt tokens",
        "matching answer ' Yes'",
        "other answer ' No'",
    ]
    assert not (tmp_path / "none").exists()


def test_a_dry_run_shows_the_tokens_that_a_run_scores(model: Path, file: Path, tmp_path: Path) -> None:
    found = json.loads(run("score", file, "-m", model, "--dry-run", "--json"))
    (shown,) = found["previews"]
    rows = json.loads(run("score", file, "-m", model, "-o", tmp_path / "run", "--json"))
    assert rows["run"]["template"] == found["template"] == "plain"
    first = read_rows(tmp_path / "run").slice(0, 2).to_pylist()
    assert shown["question_id"] == first[0]["question_id"]
    for answer, row in zip(shown["answers"], first, strict=True):
        assert len(answer["tokens"]) == row["n_tokens"]
        assert len(answer["context"]) == row["prompt_tokens"]
        assert (answer["boundary"], answer["answer"]) == (row["boundary"], row["answer"])
