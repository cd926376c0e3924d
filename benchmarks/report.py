"""The table and the plots of a result: `python -m benchmarks.report benchmarks/results/cpu.json`.

Every column is a ratio of medians that were measured side by side: how many times as long a peer takes, and what share
of the machine's read bandwidth (of the logits or the weight) and multiply-add peak pyscore reaches.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["main", "table"]

PEERS = ("torch eager", "torch.compile", "linear_cross_entropy", "h @ W.T")
COLUMNS = ("case", "dtype", *PEERS, "read", "multiply-add", "all outputs")


def _facts(entry: dict[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = entry["extra_info"]
    return {**facts, "median": entry["stats"]["median"]}


def _case(facts: dict[str, Any]) -> str:
    shape = " ".join(f"{name.upper()}={facts[name]}" for name in ("n", "d", "v") if name in facts)
    return f"{facts['kind']}{', all' if facts.get('outputs') == 'all outputs' else ''} {shape}"


def _row(facts: dict[str, Any]) -> list[str]:
    median, seconds, rates = facts["median"], facts["seconds"], facts["rates"]
    row = [_case(facts), facts["dtype"].removeprefix("torch.")]
    row += [f"{seconds[peer] / median:.2f}x" if peer in seconds else "" for peer in PEERS]
    row.append(f"{facts['bytes'] / median / rates['read']:.2f}" if rates.get("read") else "")
    row.append(f"{facts['flops'] / median / rates['multiply-add']:.2f}" if rates.get("multiply-add") else "")
    every = seconds.get("pyscore, all outputs")
    row.append(f"{every / median:.2f}x" if every else "")
    return row


def table(result: dict[str, Any]) -> str:
    """The result as a Markdown table."""
    rows = [list(COLUMNS), *(_row(_facts(entry)) for entry in result["benchmarks"])]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _machine(result: dict[str, Any]) -> str:
    info = result["machine_info"]
    cpu = info.get("cpu", {}).get("brand_raw", "unknown CPU")
    return (
        f"{cpu}, {info['threads']} threads, {info['isa']}; pyscore {info['pyscore']}, torch {info['torch']}, "
        f"Python {info['python_version']}; {info['date']}"
    )


def _plot(entries: Iterable[dict[str, Any]], title: str, path: Path) -> None:
    """Throughput against N, a line for pyscore and each peer, and the peak of multiply-adds."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    ordered = sorted(entries, key=lambda facts: facts["n"])
    rows = [facts["n"] for facts in ordered]
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    axes.plot(rows, [f["flops"] / f["median"] / 1e9 for f in ordered], marker="o", linewidth=2, label="pyscore")
    for peer in PEERS:
        if all(peer in f["seconds"] for f in ordered):
            axes.plot(rows, [f["flops"] / f["seconds"][peer] / 1e9 for f in ordered], marker=".", label=peer)
    if all(f["rates"]["multiply-add"] for f in ordered):
        rates = [(f["flops"] / f["bytes"] * f["rates"]["read"], f["rates"]["multiply-add"]) for f in ordered]
        limit = [min(both) / 1e9 for both in rates]
        axes.plot(rows, limit, "k--", linewidth=1, label="limit: read of the weight, multiply-adds")
    axes.set(xscale="log", yscale="log", xlabel="rows N", ylabel="GFLOP/s", title=title, xticks=rows, xticklabels=rows)
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)


def main(path: Path) -> None:
    """Print the table; write it beside the result, with a plot for each weight and dtype."""
    result = json.loads(path.read_text())
    text = f"{_machine(result)}\n\n{table(result)}\n"
    print(text)
    path.with_suffix(".md").write_text(f"# {path.stem}\n\n{__doc__.split(chr(10), 2)[2].strip()}\n\n{text}")
    groups: dict[tuple[int, int, str], list[dict[str, Any]]] = {}
    for facts in map(_facts, result["benchmarks"]):
        if facts["kind"] == "hidden states":
            groups.setdefault((facts["d"], facts["v"], facts["dtype"].removeprefix("torch.")), []).append(facts)
    for (d, v, dtype), entries in groups.items():
        _plot(entries, f"hidden states, D = {d}, V = {v}, {dtype}", path.with_name(f"{path.stem}-{d}-{v}-{dtype}.png"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
