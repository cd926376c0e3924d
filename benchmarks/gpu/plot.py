"""The roofline: achieved rate against the number of rows, with both ceilings, for each weight: `plot(result, path)`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.clock import spread
from benchmarks.gpu.contest import OURS

__all__ = ["panels", "plot"]

_SECTIONS = ("small", "middle", "large", "narrow")


def _seconds(outcome: dict[str, Any]) -> float | None:
    times = outcome["graph"] or outcome["seconds"]
    return spread(times)[0] if times else None


def panels(result: dict[str, Any]) -> dict[tuple[int, int], dict[str, list[tuple[int, float]]]]:
    """Of each (D, V) and contestant its points (rows, operations a second), rows ascending; "limit" is the roofline."""
    found: dict[tuple[int, int], dict[str, list[tuple[int, float]]]] = {}
    for name in _SECTIONS:
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
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    found = panels(result)
    if not found:
        return
    figure, grid = plt.subplots(-(-len(found) // 2), 2, figsize=(12, 4.2 * -(-len(found) // 2)), layout="constrained",
                                squeeze=False)  # fmt: skip
    names = list(dict.fromkeys(name for panel in found.values() for name in panel if name != "limit"))
    colours = dict(zip(names, plt.cm.tab20.colors, strict=False))
    for axes, ((d, v), panel) in zip(grid.flat, sorted(found.items()), strict=False):
        for name, points in panel.items():
            rows, rates = zip(*points, strict=True)
            style = (
                {"color": "black", "linestyle": "--", "linewidth": 1, "label": "limit: copy bandwidth, matrix rate"}
                if name == "limit"
                else {"color": colours.get(name), "marker": "o" if name == OURS else ".", "label": name,
                      "linewidth": 2.5 if name == OURS else 1}
            )  # fmt: skip
            axes.plot(rows, [rate / 1e12 for rate in rates], **style)
        axes.set(xscale="log", yscale="log", xlabel="rows N", ylabel="TFLOP/s", title=f"D = {d}, V = {v}, bfloat16")
        axes.grid(alpha=0.3)
    for axes in list(grid.flat)[len(found) :]:
        axes.axis("off")
    handles = {label: h for axes in grid.flat for h, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4)
    device, versions = result["device"], result["versions"]
    figure.suptitle(f"{device['name']}, torch {versions['torch']}, Triton {versions['triton']}, {result['date']}")
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
