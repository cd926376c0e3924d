"""Whatever is wrong with a study file is named by its line and field, and nothing but that is raised."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.sweep.checkpoints import HEAD, read

BAD = [
    ("models: [{hub: a/b, dtype: fp17}]", "models[0].dtype: 'fp17' is not one of auto, float32, bfloat16, float16, float64"),
    ("models: [{hub: a/b, step: '5'}]", "models[0].step: '5' is not a whole number"),
    ("models: [{hub: a/b, step: true}]", "models[0].step: true is not a whole number"),
    ("models: [{hub: a/b, step: -1}]", "models[0].step: -1 is not at least 0"),
    ("models: [{hub: a/b, name: 5}]", "models[0].name: 5 is not text, in quotes if it looks like a number"),
    ("models: [{hub: a/b, batch_tokens: x}]", "models[0].batch_tokens: 'x' is not auto or a whole number"),
    ("models: [{hub: a/b, size: 5Q}]", "models[0].size: '5Q' is no number of parameters: write 160M, 1.4B or 160000000"),
    ("models: []", "models: an empty list is not a list with entries"),
    ("models: [{}]", "models[0]: give either path, for files, or hub, for a name on the model hub"),
    ("models: [{hub: a/b/c}]", "models[0].hub: 'a/b/c' is no name on a model hub, such as EleutherAI/pythia-160m"),
    ("models: [{path: no/model}]", "models[0].path: no such folder: {folder}/no/model; a name on the model hub goes under hub"),
    ("models: [{path: 'no*'}]", "models[0].path: no folder matches {folder}/no*"),
    ("models: [{path: 'empty/*'}]", "models[0].path: {folder}/empty/step1 is no model: it has no config.json"),
    (
        "models: [{path: runs/pythia-70M/*, pattern: 'ste{step}'}]",
        "models[0].pattern: ste{step} doesn't fit {folder}/runs/pythia-70M/step10: ignore_unmatched: true leaves it out",
    ),
    ("models: [{hub: a/b, pattern: x}]", "models[0].pattern: 'x': it has no field in braces, such as {step}"),
    ("models: [{hub: a/b, revision: x, revisions: [y]}]", "models[0].revision: give either revision or revisions"),
    ("models: [{hub: a/b, revisions: {range: [5, 1, 1]}}]", "models[0].revisions.range: must be [first, last, by], whole numbers, first to last going up"),
    ("models: [{hub: '${x}'}]", "models[0].hub: there is no variable 'x': There are none: give them under variables"),
    ("models: [{hub: a$b}]", "models[0].hub: 'a$b': a lone '$': write $$ for the sign, ${name} for a variable"),
    ("models: [{hub: a/b, for_each: {x: 5}}]", "models[0].for_each.x: must be a list of texts or numbers, or {range: [first, last, by]}"),
    ("variables: {a: '${a}'}", "variables.a: there is no variable 'a': There are none: give them under variables"),
    ("datasets: [{file: d0.jsonl}]", "datasets[0].file: there is no such field: did you mean 'files'? Allowed: format, choices, columns, prompt_template, answers, on_error, cluster, limit, templates, files, name, for_each"),
    (
        "models: [{path: final, pattern: {step}}]",
        "models[0].pattern: a mapping is not text: what begins with a brace stands in quotes",
    ),
    ("datasets: [{files: [1]}]", "datasets[0].files[0]: 1 is not text, in quotes if it looks like a number"),
    ("datasets: [{files: none.jsonl}]", "datasets[0].files: no such file: {folder}/none.jsonl"),
    ("datasets: [{files: 'none*'}]", "datasets[0].files: no such file: no file matches {folder}/none*"),
    ("templates: ['']", "templates[0]: is empty: write {name: ..., text: ...}, or one of plain, human-assistant, chat"),
    ("datasets: [{files: '-'}]", "datasets[0].files: standard input is read once, and a study reads its questions again: name a file"),
    ("datasets: [{files: d0.jsonl, prompt_template: '{{ q }}'}]", "datasets[0].prompt_template: prompt_template makes the prompt alone: name the answers, and which one matches, in columns, such as {'answers': 'choices', 'matching': 'label'}; without columns, a template goes around a format's prompt"),
    ("datasets: [{files: d0.jsonl, limit: 0}]", "datasets[0].limit: 0 is not at least 1"),
    ("datasets: [{files: d0.jsonl, templates: plan}]", "datasets[0].templates: no template is called 'plan': did you mean 'plain'? Allowed: plain"),
    ("datasets: [{files: d0.jsonl, columns: {prompt: q}}]", "datasets[0].columns: columns needs 'answers': the columns of the answers, or one that holds a list, or what numbered columns have in common"),
    ("templates: [plan]", "templates[0]: 'plan' is not one of plain, human-assistant, chat: write {name: ..., text: ...} for your own"),
    ("templates: [{text: plain}]", "templates[0].name: is missing: what tables call the template"),
    ("templates: [{name: a, text: plain, chat: {}}]", "templates[0]: give one of text, file and chat"),
    ("templates: [{nam: a, text: plain}]", "templates[0].nam: there is no such field: did you mean 'name'? Allowed: name, text, file, chat"),
    ("templates: [{name: a, chat: {date: tomorrow}}]", "templates[0].chat: date must be a day written YYYY-MM-DD, such as '2024-07-26', got 'tomorrow'"),
    ("metrics: [preference]", "metrics[0]: 'preference' is no metric: did you mean 'preference_rate'? Allowed: mean_probability, "),
    ("resources: {gpus: .inf}", "resources.gpus: inf is not a finite number"),
    ("defaults: {models: {dtpe: x}}", "defaults.models.dtpe: there is no such field: did you mean 'dtype'? Allowed: family, "),
    ("confidence: 95", "confidence: 95 is not less than 1"),
    ("scoring: {truncate: yes}", "scoring.truncate: 'yes' is not true or false"),
    ("resources: {memory: 5 apples}", "resources.memory: '5 apples' is no size of memory: write 24GiB, or a number of bytes"),
    ("comparison: {ties: none}", "comparison.ties: 'none' is not one of half, strict, first, share"),
    ("confidense: 0.9", "confidense: there is no such field: did you mean 'confidence'? Allowed: name, "),
    ("scoring: {truncate: true, truncate: false}", "scoring: 'truncate' stands there twice, first in line 4"),
    ("name: !!python/name:os.system x", "name: the tag "),
    ("scoring: {<<: {truncate: true}}", "scoring: '<<' is no key here: use defaults, or an alias as a whole value"),
    ("name: &a [*a]", "name[0]: nested too deeply: an alias that holds itself, or many of aliases?"),
    ('name: "\\0"', "name: '\\x00': characters that no text may have"),
    ("name: [", "not YAML (did not find expected "),
]  # fmt: skip


@pytest.mark.parametrize(("line", "message"), BAD, ids=[line for line, _ in BAD])
def test_a_mistake_is_named_by_its_line_and_field(folder: Path, line: str, message: str) -> None:
    """Each line stands fourth, after the three that a study needs."""
    needed = {"output": "output: out", "models": "models: [{hub: a/b}]", "datasets": "datasets: [{files: d0.jsonl}]"}
    key = line.partition(":")[0]
    lines = [each if name != key else "# " for name, each in needed.items()]
    with pytest.raises(ValueError) as caught:
        read(folder, "\n".join([*lines, line]))
    first = str(caught.value).splitlines()[0]
    wanted = message.replace("{folder}", str(folder))
    if "not YAML" in wanted:
        assert first.startswith("study.yaml, line 4: not YAML (")
    elif wanted.endswith((", ", "tag ", "step10: ignore_unmatched: true leaves it out")):
        assert first.startswith(f"study.yaml, line 4: {wanted[:40]}")
    else:
        assert first == f"study.yaml, line 4: {wanted}"


def test_several_mistakes_are_told_at_once_and_the_rest_is_counted(folder: Path) -> None:
    text = "output: out\nmodels:\n" + "".join(f"  - {{hub: a/b, dtype: d{i}}}\n" for i in range(7)) + "datasets: 5\n"
    with pytest.raises(ValueError) as caught:
        read(folder, text)
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines[:5]] == [f"study.yaml, line {3 + i}" for i in range(5)]
    assert lines[5] == "and 3 more mistakes"


def test_a_mistake_in_an_entry_that_stands_for_many_is_told_once(folder: Path) -> None:
    text = HEAD.replace("hub: owner/base", "{hub: 'a/b${i}', for_each: {i: [1, 2, 3]}, dtype: fp17}")
    with pytest.raises(ValueError) as caught:
        read(folder, text)
    assert str(caught.value).splitlines() == [
        "study.yaml, line 3: models[0].dtype: 'fp17' is not one of auto, float32, bfloat16, float16, float64"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
            f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
        ),
        "variables:\n  a: xxxxxxxxxx\n" + "".join(
            f"  {chr(98 + i)}: {('${' + chr(97 + i) + '}') * 9}\n" for i in range(12)
        ),
        "[" * 100_000,
        "a" * (2**20 + 1),
        HEAD.replace("hub: owner/base", "{hub: a/b, for_each: {a: {range: [0, 9999, 1]}, b: {range: [0, 9999, 1]}}}"),
        HEAD.replace("hub: owner/base", "{hub: a/b, revisions: {range: [0, 1000000000000, 1]}}"),
    ],
    ids=["aliases", "variables", "nesting", "length", "for_each", "revisions"],
)  # fmt: skip
def test_what_stands_for_more_than_any_memory_holds_is_refused(folder: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"study\.yaml"):
        read(folder, text)


WORDS = st.sampled_from(
    [
        *("{}[],:-&*!|>'\"#%@$\n"),
        *(": ", "- ", "\n  ", "\n    ", "models", "datasets", "output", "path", "hub", "files", "name", "step", "size"),
        *("templates", "plain", "chat", "text", "for_each", "range", "variables", "${a}", "$", "~", "1", "-5", "1e400"),
        *(".nan", "true", "null", "&a", "*a", "a/b", "d0.jsonl", "pattern", "{step}", "revisions", "\0"),
    ]
)


@settings(max_examples=150, deadline=None)
@given(text=st.one_of(st.lists(WORDS, max_size=30).map("".join), st.text(max_size=60)), begun=st.booleans())
@example(text="metrics: []", begun=True)
@example(text="templates: {a: {name: b, text: plain}}", begun=True)
@example(text="templates: []", begun=True)
@example(text="datasets: [{files: '', name: ''}]", begun=False)
@example(text='a: "\\UFFFFFFFF"', begun=False)
def test_any_text_loads_or_is_refused_with_reasons(folder: Path, text: str, begun: bool) -> None:
    try:
        study = read(folder, HEAD + text if begun else text)
    except ValueError as error:
        assert str(error).startswith("study.yaml")
    else:
        assert study.models


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-2, 3), st.floats(), st.text(max_size=4), WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | WORDS, inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["models", "datasets", "templates", "scoring", "resources", "metrics", "comparison", "defaults", "variables"]
ENTRY = ["path", "pattern", "revisions", "revision", "size", "step", "for_each", "tags", "adapter", "options", "name"]


@settings(max_examples=200, deadline=None)
@given(field=st.sampled_from(FIELDS), value=JSON, entry=st.none() | st.sampled_from(ENTRY))
def test_any_value_of_any_field_loads_or_is_refused_with_reasons(
    folder: Path, field: str, value: Any, entry: str | None
) -> None:
    whole: dict[str, Any] = {"output": "o", "models": [{"hub": "a/b"}], "datasets": [{"files": "d0.jsonl"}]}
    if entry is None:
        whole[field] = value
    else:
        whole["models"] = [{"hub": "a/b", entry: value}]
    try:
        read(folder, json.dumps(whole))
    except ValueError as error:
        assert str(error).startswith("study.yaml")
