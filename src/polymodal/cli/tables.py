"""Results laid out for reading."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["aligned", "learned", "probed", "scores"]


def scores(summary: Mapping[str, Any]) -> str:
    """The metrics of a run, task by task, with their 95 % intervals, and what plain models reach."""
    lines = []
    for name, task in summary.get("tasks", {}).items():
        lines.append(f"{name}  (n = {task.get('n', '?')})")
        intervals = task.get("intervals", {})
        rows = [
            (f"  {metric}", _number(value), _interval(intervals.get(metric)))
            for metric, value in task["metrics"].items()
        ]
        if not task.get("n", 1):
            rows.append(("  not judged", "", "no row has a label that the model knows"))
        elif task["headline"] not in task["metrics"]:
            few = f"none of {len(task['too_few_rows'])} members has rows enough" if "too_few_rows" in task else ""
            rows.append((f"  {task['headline']}", "–", f"undefined: {few or 'all of these rows are alike'}"))
        floors = task.get("baselines", {})
        rows += [
            (f"  {task['headline']}, {floor}", _number(told["metrics"].get(task["headline"])), "")
            for floor, told in floors.items()
        ]
        lines.append(aligned(rows))
    return "\n".join(lines)


def learned(summary: Mapping[str, Any]) -> str:
    """The losses of objectives on validation rows, before and after."""
    rows = [
        (name, _number(losses["before"]), "→", _number(losses["after"]))
        for name, losses in summary.get("objectives", {}).items()
    ]
    return aligned(rows) or "no row is left to judge by: the last weights are kept"


def probed(summary: Mapping[str, Any]) -> str:
    """What fresh probes read of the columns that were to be kept out, with 95 % intervals, and what chance gives."""
    lines = []
    for name, told in summary.get("probes", {}).items():
        metric = "r2" if told["kind"] == "numbers" else "accuracy"
        lines.append(f"{name}, to be kept out  (n = {told['n']})")
        rows = [
            (
                f"  {metric}, {probe} on {layer}",
                _number(entry["metrics"].get(metric)),
                _interval(entry["intervals"].get(metric)),
            )
            for layer, entries in told["layers"].items()
            for probe, entry in entries.items()
        ]
        lines.append(aligned([*rows, (f"  {metric}, by chance", _number(told["chance"][metric]), "")]))
    return "\n".join(lines)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as columns of text, two spaces apart."""
    if not rows:
        return ""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in padded)


def _number(value: Any) -> str:
    return "–" if value is None else f"{value:.3f}" if isinstance(value, (int, float)) else str(value)


def _interval(pair: Sequence[float] | None) -> str:
    return f"[{pair[0]:.3f}, {pair[1]:.3f}]" if pair else ""
