"""What is written of results: tables and plots of the CPU's, lines, JSON and the roofline of the GPU's.

`python -m benchmarks.report benchmarks/results/cpu.json` writes the table and the plots of a result of the CPU.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.bare_forward import BARE
from benchmarks.clock import spread
from benchmarks.gpu.contest import OURS
from benchmarks.gpu.lab import Ceilings
from benchmarks.gpu.targets import TARGETS, Row, number, standing

__all__ = ["describe", "main", "panels", "plot", "reasons", "section_of", "table", "write"]

Panel = dict[str, list[tuple[int, float]]]
"""Points (rows, operations a second) of each contestant, and of the "limit"."""
EVERY_OUTPUT = "pyscore, all outputs"
"""Seconds under this name are pyscore's own, beside those of the log-probability alone."""
_ABOUT = """
Every column is a ratio of medians that were measured side by side: how many times as long a peer takes, and what share
of the machine's read bandwidth (of the logits or the weight) and multiply-add peak pyscore reaches.
"""


def _facts(entry: dict[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = entry["extra_info"]
    return {**facts, "median": entry["stats"]["median"]}


def _peers(entries: Iterable[dict[str, Any]]) -> list[str]:
    """Every peer of any entry, in the order of first appearance."""
    peers = (peer for facts in entries for peer in facts["seconds"] if peer not in (EVERY_OUTPUT, BARE))
    return list(dict.fromkeys(peers))


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
        "of a bare forward pass": f"{median / seconds[BARE]:.2f}x" if BARE in seconds else "",
        "CPU time": f"{facts['cpu_seconds'][OURS] / facts['cpu_seconds'][BARE]:.2f}x" if BARE in seconds else "",
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


def _cpu_panel(entries: Iterable[dict[str, Any]]) -> Panel:
    """Of one weight and dtype. The limit is left out where the machine has no multiply-adds of the dtype."""
    panel: Panel = {}
    for facts in sorted(entries, key=lambda facts: facts["n"]):
        read, multiply_add = facts["rates"]["read"], facts["rates"]["multiply-add"]
        limit = {"limit": min(facts["flops"] / facts["bytes"] * read, multiply_add)} if multiply_add else {}
        rates = {name: facts["flops"] / seconds for name, seconds in facts["seconds"].items() if name != EVERY_OUTPUT}
        for name, rate in {OURS: facts["flops"] / facts["median"], **rates, **limit}.items():
            panel.setdefault(name, []).append((facts["n"], rate))
    return panel


def _draw(axes: Any, panel: Panel, *, title: str, unit: str, limit: str, colours: Mapping[str, Any]) -> None:
    """Throughput against rows: a line for each contestant, the limit dashed."""
    scale = {"GFLOP/s": 1e9, "TFLOP/s": 1e12}[unit]
    for name, points in panel.items():
        rows, rates = zip(*points, strict=True)
        style: dict[str, Any] = (
            {"color": "black", "linestyle": "--", "linewidth": 1, "label": f"limit: {limit}"}
            if name == "limit"
            else {"color": colours.get(name), "marker": "o" if name == OURS else ".", "label": name,
                  "linewidth": 2.5 if name == OURS else 1}
        )  # fmt: skip
        axes.plot(rows, [rate / scale for rate in rates], **style)
    axes.set(xscale="log", yscale="log", xlabel="rows N", ylabel=unit, title=title)
    axes.grid(alpha=0.3)


def _pyplot() -> Any:
    """Raises ImportError without matplotlib."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    return plt


def _plot_cpu(panel: Panel, title: str, path: Path) -> None:
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    _draw(axes, panel, title=title, unit="GFLOP/s", limit="read of the weight, multiply-adds", colours={})
    rows = [n for n, _ in panel[OURS]]
    axes.set(xticks=rows, xticklabels=rows)
    axes.minorticks_off()
    axes.legend()
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)


def main(path: Path) -> None:
    """Print the table; write it beside the result, with a plot for each weight and dtype."""
    result = json.loads(path.read_text())
    text = f"{_machine(result)}\n\n{table(result)}\n"
    print(text)
    path.with_suffix(".md").write_text(f"# {path.stem}\n{_ABOUT}\n{text}")
    groups: dict[tuple[int, int, str], list[dict[str, Any]]] = {}
    for facts in map(_facts, result["benchmarks"]):
        if facts["kind"] == "hidden states":
            groups.setdefault((facts["d"], facts["v"], facts["dtype"].removeprefix("torch.")), []).append(facts)
    for (d, v, dtype), entries in groups.items():
        plot_path = path.with_name(f"{path.stem}-{d}-{v}-{dtype}.png")
        _plot_cpu(_cpu_panel(entries), f"hidden states, D = {d}, V = {v}, {dtype}", plot_path)


def _times(row: Row) -> list[str]:
    ours = row.outcomes.get(OURS)
    if ours is None or ours.median is None:
        return []
    seconds, width = spread(ours.seconds)
    parts = [f"{seconds * 1e3:.4g} ms ±{width:.0%}"]
    if ours.graph:
        parts.append(f"graph {ours.best * 1e3:.4g} ms")
    if "flops" in row.facts:
        parts.append(f"{row.facts['flops'] / ours.best / 1e12:.4g} TFLOP/s")
    for name, outcome in row.outcomes.items():
        if name != OURS and outcome.best:
            kind = "" if bool(outcome.graph) == bool(ours.graph) else " (not in a graph)"
            parts.append(f"{name} {outcome.best / ours.best:.3g}x{kind}")
    return parts


def describe(row: Row) -> str:
    """One line on a case: its times, peers as multiples of pyscore's time, and where it stands with its targets."""
    parts = _times(row)
    for key, value in row.measures.items():
        target = TARGETS[key]
        met = "not measured" if value is None else f"{number(value)} {'met' if target.met(value) else 'NOT MET'}"
        parts.append(f"[{target.number}] {target.what}: {met}")
    return f"  {row.case}: {'; '.join(parts)}"


def reasons(rows: list[Row]) -> list[str]:
    """Why peers were not timed, each reason once, with the number of cases."""
    counted: dict[str, int] = {}
    for row in rows:
        for name, outcome in row.outcomes.items():
            for reason in (outcome.reason, outcome.graph_reason and f"no graph: {outcome.graph_reason}"):
                if reason:
                    counted[f"{name}: {reason}"] = counted.get(f"{name}: {reason}", 0) + 1
    return [f"  not measured in {count} cases: {text}" for text, count in counted.items()]


def section_of(rows: list[Row], ceilings: Ceilings, failures: list[str], seconds: float) -> dict[str, Any]:
    """A section as JSON, with every round."""
    return {
        "ceilings": ceilings._asdict(),
        "seconds": seconds,
        "failures": failures,
        "rows": [_rounded(asdict(row)) for row in rows],
    }


def _rounded(value: Any) -> Any:
    """Floats to six digits, all the way down."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {str(key): _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list | tuple) else value


def row_of(found: dict[str, Any]) -> Row:
    """A row's case and measures back from JSON."""
    return Row(found["case"], found["facts"], measures=found["measures"])


def write(path: Path, machine: dict[str, Any], sections: dict[str, Any]) -> list[dict[str, Any]]:
    """Write the result with the standing of its targets, which is returned.

    Sections of an earlier run on the same machine, day and kernels stay where this run has none.
    """
    if path.exists():
        before = json.loads(path.read_text())
        if all(before.get(name) == machine[name] for name in machine):
            sections = {**before["sections"], **sections}
    rows = [row_of(row) for section in sections.values() for row in section["rows"]]
    found = standing(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".part")
    text = json.dumps({**machine, "targets": found, "sections": sections}, indent=1)
    # Lists of numbers, which are the seconds of all rounds, are written on one line each.
    text = re.sub(r"\[[^\[\]{}]*\]", lambda match: re.sub(r"\s+", " ", match[0]), text)
    scratch.write_text(text + "\n")
    scratch.replace(path)  # If the run is killed while it writes, the last whole file stays.
    return found


def _seconds(outcome: dict[str, Any]) -> float | None:
    times = outcome["graph"] or outcome["seconds"]
    return spread(times)[0] if times else None


def panels(result: dict[str, Any]) -> dict[tuple[int, int], Panel]:
    """Of each (D, V) and contestant its points (rows, operations a second), rows ascending; "limit" is the roofline."""
    found: dict[tuple[int, int], Panel] = {}
    for name in ("small", "middle", "large", "narrow"):
        section = result["sections"].get(name, {"rows": []})
        for row in section["rows"]:
            facts, ceilings = row["facts"], section["ceilings"]
            panel = found.setdefault((facts["d"], facts["v"]), {})
            limit = min(ceilings["mm"], facts["flops"] / facts["bytes"] * ceilings["copy"])
            panel.setdefault("limit", []).append((facts["n"], limit))
            for contestant, outcome in row["outcomes"].items():
                if seconds := _seconds(outcome):
                    panel.setdefault(contestant, []).append((facts["n"], facts["flops"] / seconds))
    return {size: {name: sorted(points) for name, points in panel.items()} for size, panel in found.items()}


def plot(result: dict[str, Any], path: Path) -> None:
    """One panel a weight; raises ImportError without matplotlib."""
    plt = _pyplot()
    found = panels(result)
    if not found:
        return
    figure, grid = plt.subplots(-(-len(found) // 2), 2, figsize=(12, 4.2 * -(-len(found) // 2)), layout="constrained",
                                squeeze=False)  # fmt: skip
    names = list(dict.fromkeys(name for panel in found.values() for name in panel if name != "limit"))
    colours = dict(zip(names, plt.cm.tab20.colors, strict=False))
    for axes, ((d, v), panel) in zip(grid.flat, sorted(found.items()), strict=False):
        title = f"D = {d}, V = {v}, bfloat16"
        _draw(axes, panel, title=title, unit="TFLOP/s", limit="copy bandwidth, matrix rate", colours=colours)
    for axes in list(grid.flat)[len(found) :]:
        axes.axis("off")
    handles = {label: h for axes in grid.flat for h, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4)
    device, versions = result["device"], result["versions"]
    figure.suptitle(f"{device['name']}, torch {versions['torch']}, Triton {versions['triton']}, {result['date']}")
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
