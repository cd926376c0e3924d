"""torch's default dtype and device are the caller's: no tensor of ours takes its dtype or its place from them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from pyscore import TokenScores, compare_answers, linear_logprobs, logprobs, merge_vocab_shards
from pyscore.engine.sources.huggingface.head import fixed_candidates
from pyscore.engine.sources.huggingface.inputs import plain_inputs
from pyscore.engine.sources.huggingface.load import default_dtype
from pyscore.engine.sources.huggingface.plan import PackedRow
from tests.ops.cases import OUTPUTS, assert_same_bits, every_backend, random_projection, random_rows
from tests.paths import ROOT

# Every public function of torch that takes dtype= and device= and has no tensor to take them from.
_MAKERS = {
    *("arange", "asarray", "as_tensor", "empty", "empty_permuted", "empty_strided", "eye", "full", "linspace"),
    *("logspace", "ones", "rand", "randint", "randn", "randperm", "range", "scalar_tensor", "tensor", "zeros"),
}
_LEGACY = {f"{kind}Tensor" for kind in ("", "Float", "Double", "Half", "BFloat16", "Long", "Int", "Bool")}


def unnamed(source: str) -> list[str]:
    """Line and call of each tensor that is made without a dtype or without a device."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func).removeprefix("torch.")
        missing = {"dtype", "device"} - {keyword.arg for keyword in node.keywords}
        if (name in _MAKERS and ast.unparse(node.func) != name and missing) or name in _LEGACY:
            found.append(f"{node.lineno}: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize("call", ["torch.tensor([1])", "torch.zeros(3, dtype=torch.int64)", "torch.FloatTensor(3)"])
def test_a_tensor_without_its_dtype_and_device_is_found(call: str) -> None:
    assert unnamed(f"x = 1\ny = {call}\n") == [f"2: {call}"]


@pytest.mark.parametrize("call", ["torch.ones(3, dtype=d, device=x.device)", "x.new_zeros(3)", "torch.ones_like(x)"])
def test_a_tensor_with_both_is_not(call: str) -> None:
    assert unnamed(call) == []


def test_every_tensor_that_we_make_names_its_dtype_and_device() -> None:
    files = sorted([*(ROOT / "pyscore").rglob("*.py"), *(ROOT / "kernels").rglob("*.py")])
    assert len(files) > 80
    found = [f"{path.relative_to(ROOT)}:{call}" for path in files for call in unnamed(path.read_text("utf-8"))]
    assert found == []


@contextmanager
def _meta() -> Iterator[None]:
    torch.set_default_device("meta")
    try:
        yield
    finally:
        torch.set_default_device(None)


other_defaults = pytest.mark.parametrize(
    "defaults",
    [lambda: default_dtype(torch.bfloat16), lambda: default_dtype(torch.float64), _meta],
    ids=["bfloat16", "float64", "meta"],
)


LOGITS, TARGETS = random_rows(2, 90, torch.float32)
HIDDEN, WEIGHT, _ = random_projection(2, 24, 90, torch.float32)


def _scores(backend: str) -> Iterator[TokenScores]:
    """Scores that need every kind of tensor that the ops make."""
    logits, targets = LOGITS, TARGETS
    yield logprobs(logits, targets, temperature=0.7, outputs=OUTPUTS, top_k=2, backend=backend)
    yield logprobs(logits.double(), targets, temperature=0.7, outputs=OUTPUTS, top_k=2, backend="reference")
    yield logprobs(logits, targets.tolist(), target_offsets=[0, 1, 2], temperature=0.7, backend=backend)
    yield linear_logprobs(
        HIDDEN, WEIGHT, targets, temperature=0.7, softcap=3.3, logit_scale=0.3, outputs=OUTPUTS, top_k=2,
        backend=backend,
    )  # fmt: skip
    halves = [
        logprobs(half, targets, temperature=0.7, outputs=("logprob", "entropy"), vocab_start=start, backend=backend)
        for start, half in ((0, logits[:, :45]), (45, logits[:, 45:]))
    ]
    yield merge_vocab_shards(halves)


@every_backend
@other_defaults
def test_scores_do_not_depend_on_defaults(backend: str, defaults) -> None:  # type: ignore[no-untyped-def]
    expected = list(_scores(backend))
    with defaults():
        actual = list(_scores(backend))
    for one, other in zip(actual, expected, strict=True):
        assert_same_bits(one, other)


@every_backend
@other_defaults
def test_comparisons_do_not_depend_on_defaults(backend: str, defaults) -> None:  # type: ignore[no-untyped-def]
    values = torch.tensor([-0.7, -1.3, -0.2, -3.1])
    expected = compare_answers(values, [0, 2, 4], [True, False, False, True], backend=backend)
    with defaults():
        actual = compare_answers(values, [0, 2, 4], [True, False, False, True], backend=backend)
    for name, value in vars(expected).items():
        found = getattr(actual, name)
        assert torch.equal(found, value) if isinstance(value, torch.Tensor) else found == value, name
    assert torch.equal(actual.chance, expected.chance)


@other_defaults
def test_probed_tokens_and_model_inputs_do_not_depend_on_defaults(defaults) -> None:  # type: ignore[no-untyped-def]
    with defaults():
        candidates = fixed_candidates(50257, 2)
        inputs = plain_inputs([PackedRow([5, 6, 50256]), PackedRow([7])], 2, 0, torch.device("cpu"))
    assert candidates.tolist() == [[0, 7179, 14358, 21538, 28717, 35897, 43076, 50256]] * 2
    assert inputs["input_ids"].tolist() == [[5, 6, 50256], [7, 0, 0]]
    assert inputs["attention_mask"].tolist() == [[1] * 5, [1] * 3 + [0] * 2]
