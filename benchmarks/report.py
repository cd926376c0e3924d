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

# of ours, beside the log-probability alone
EVERY_OUTPUT = "pyscore, all outputs"


def _facts(entry: dict[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = entry["extra_info"]
    return {**facts, "median": entry["stats"]["median"]}


def _peers(entries: Iterable[dict[str, Any]]) -> list[str]:
    """Every peer of any entry, in the order of first appearance."""
    return list(dict.fromkeys(peer for facts in entries for peer in facts["seconds"] if peer != EVERY_OUTPUT))


def _case(facts: dict[str, Any]) -> str:
    shape = facts.get("case") or " ".join(f"{name.upper()}={facts[name]}" for name in ("n", "d", "v") if name in facts)
    return f"{facts['kind']}{', all' if facts.get('outputs') == 'all outputs' else ''} {shape}"


def _row(facts: dict[str, Any], peers: Iterable[str]) -> dict[str, str]:
    median, seconds, rates = facts["median"], facts["seconds"], facts["rates"]
    every = seconds.get(EVERY_OUTPUT)
    return {
        "case": _case(facts),
        "dtype": facts.get("dtype", "").removeprefix("torch."),
        "microseconds": f"{1e6 * median:.1f}" if facts["kind"] == "call" else "",
        **{peer: f"{seconds[peer] / median:.2f}x" if peer in seconds else "" for peer in peers},
        "read": f"{facts['bytes'] / median / rates['read']:.2f}" if rates.get("read") else "",
        "multiply-add": f"{facts['flops'] / median / rates['multiply-add']:.2f}" if rates.get("multiply-add") else "",
        "all outputs": f"{every / median:.2f}x" if every else "",
    }


def table(result: dict[str, Any]) -> str:
    """The result as a Markdown table, without the columns in which every row is empty."""
    entries = [_facts(entry) for entry in result["benchmarks"]]
    rows = [_row(facts, _peers(entries)) for facts in entries]
    names = [name for name in rows[0] if any(row[name] for row in rows)]
    cells = [names, *([row[name] for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _machine(result: dict[str, Any]) -> str:
    info = result["machine_info"]
    cpu = info.get("cpu", {}).get("brand_raw", "unknown CPU")
    peers = "".join(f", {name} {number}" for name, number in info.get("peers", {}).items())
    return (
        f"{cpu}, {info['threads']} threads, {info['isa']}; pyscore {info['pyscore']}, torch {info['torch']}{peers}, "
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
    for peer in _peers(ordered):
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
