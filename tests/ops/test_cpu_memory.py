"""What linear_logprobs needs beside its inputs and results, read from the system: under 1 % of [N, V] float32."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROWS, VOCAB = 1024, 128256
_RESET = Path("/proc/self/clear_refs")

# in a process of its own, whose peak nothing else has raised; the first call brings in what is made once
_MEASURE = """
import json, sys, torch
from pathlib import Path
from pyscore import linear_logprobs

def resident(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))

torch.set_num_threads(2)
rows, vocab, candidates, top_k, outputs = json.loads(sys.argv[1])
hidden, weight = torch.randn(rows, 4), torch.randn(vocab, 4)
targets = torch.randint(0, vocab, (rows, candidates))
linear_logprobs(hidden[:2], weight[:300], targets[:2] % 300, outputs=outputs, top_k=min(top_k, 2))
Path("/proc/self/clear_refs").write_text("5")  # the peak starts again
before = resident("VmRSS")
scores = linear_logprobs(hidden, weight, targets, outputs=outputs, top_k=top_k)
results = sum(value.nbytes for value in vars(scores).values() if isinstance(value, torch.Tensor))
print(resident("VmHWM") - before - results)
"""


@pytest.mark.skipif(not _RESET.exists(), reason="the system does not tell a process's peak since a moment")
@pytest.mark.skipif("libasan" in os.environ.get("LD_PRELOAD", ""), reason="AddressSanitizer keeps what is freed")
@pytest.mark.parametrize(
    ("candidates", "top_k", "outputs"), [(1, 1000, ["logprob"]), (64, 0, ["logprob", "rank"])], ids=["top_k", "ranks"]
)
def test_scratch_stays_under_a_hundredth_of_the_logits(candidates: int, top_k: int, outputs: list[str]) -> None:
    case = json.dumps([ROWS, VOCAB, candidates, top_k, outputs])
    done = subprocess.run([sys.executable, "-c", _MEASURE, case], check=True, capture_output=True, text=True)
    assert int(done.stdout) < ROWS * VOCAB * 4 / 100
