"""Numbers and names as a reader expects them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "EXPLAINED",
    "FLOORS",
    "count",
    "counted",
    "floor",
    "gain",
    "heading",
    "joined",
    "label",
    "mark",
    "number",
    "percent",
    "readable",
    "span",
]

EXPLAINED = {
    "accuracy": ("accuracy", "The share of rows that were answered rightly."),
    "balanced_accuracy": ("balanced accuracy", "The share of each class that was found, averaged over classes."),
    "macro_f1": ("macro F1", "Finding a class and being right about it, in one number, averaged over classes."),
    "auroc": ("AUROC", "The chance that a true case is ranked above another one: 0.5 is guessing, 1 is perfect."),
    "auprc": ("AUPRC", "The mean precision while going down the ranking; guessing gives the share of true cases."),
    "log_loss": ("log loss", "How surprised the model is by the truth; lower is better."),
    "brier": ("Brier score", "The squared error of the probabilities; lower is better."),
    "ece": ("calibration error", "How far stated probabilities are from what happens; lower is better."),
    "mse": ("mean squared error", "Like the absolute error squared, so that large errors count most; lower is better."),
    "mae": ("mean absolute error", "How far off a prediction is on average, in units of the target; lower is better."),
    "rmse": ("root mean squared error", "Like the absolute error, with large ones weighing more; lower is better."),
    "r2": ("R²", "The share of the spread that is explained: 0 is as good as always saying the mean."),
    "deviance": ("Poisson deviance", "How surprised the expected counts are by the true ones; lower is better."),
    "character_error_rate": ("character error rate", "Edits that mend a text, for each true sign; lower is better."),
    "word_error_rate": ("word error rate", "Edits that mend a text, for each true word; lower is better."),
    "pearson": ("Pearson’s r", "How well predictions follow the truth on a straight line."),
    "spearman": ("Spearman’s ρ", "How well predictions put the rows in order."),
    "qwk": ("quadratic kappa", "Agreement on an ordered scale beyond chance: 0 is chance, 1 is perfect."),
    "c_index": ("concordance", "How often the prediction knows which of two rows comes first: 0.5 is guessing."),
    "integrated_brier": ("integrated Brier score", "The squared error of the chances over time; lower is better."),
    "mrr": ("mean reciprocal rank", "The mean of 1 / rank of what was sought: 1 is always first, .5 always second."),
    "recall_at_1": ("recall at 1", "The share of queries that find what they seek at the first place."),
    "recall_at_5": ("recall at 5", "The share of queries that find what they seek among the first five."),
    "recall_at_10": ("recall at 10", "The share of queries that find what they seek among the first ten."),
    "median_rank": ("median rank", "Half of the queries find what they seek at this place or before; lower is better."),
    "token_accuracy": ("token accuracy", "The share of labelled tokens (spots, residues) that were told rightly."),
    "exact_match": ("exact match", "The share of rows with every label right."),
}
"""Metric names to the name inside a sentence and one sentence."""

FLOORS = {"trivial": "commonest answer", "linear": "linear model", "boosting": "boosted trees"}


def floor(name: str, kind: str) -> str:
    """A plain model's name; the trivial one says the mean of numbers, one curve, and nothing of what is sought."""
    trivial = {"numbers": "mean", "times": "one curve for all", "ranks": "blind search"}
    return trivial[kind] if name == "trivial" and kind in trivial else FLOORS.get(name, name)


def label(metric: str) -> str:
    """A metric's name inside a sentence."""
    return EXPLAINED[metric][0] if metric in EXPLAINED else metric.replace("_", " ")


def heading(words: str) -> str:
    """The same words with a capital at the start."""
    return words[:1].upper() + words[1:]


def number(value: float | None) -> str:
    """Three decimals up to 10, three significant digits beyond, from a million on as a power; a dash for none."""
    if value is None or not math.isfinite(value):
        return "–"
    size = abs(value)
    if size >= 1e6:
        return f"{value:.2e}".replace("e+0", "e").replace("e+", "e").replace("-", "−")
    if size >= 10:
        return f"{value:,.{max(0, 2 - int(math.log10(size)))}f}".replace(",", "\u202f").replace("-", "−")
    if 1e-12 < size < 0.0005:
        return f"{value:.1e}".replace("e-0", "e-").replace("-", "−")
    return f"{value if size >= 0.0005 else 0:.3f}".replace("-", "−")


def mark(value: float) -> str:
    """A round number on an axis."""
    return f"{value or 0:g}".replace("-", "−")


def gain(value: float) -> str:
    """A difference with its sign."""
    return number(value) if value < 0 else f"+{number(value)}"


def span(interval: Sequence[float] | None) -> str:
    """An interval in words."""
    if not interval:
        return "no interval"
    # Beside a visible end, a tiny one is nought.
    low, high = (0.0 if abs(end) < 0.0005 < max(map(abs, interval)) else end for end in interval)
    return f"{number(low)} to {number(high)}"


def percent(share: float) -> str:
    """A share as a percentage that never rounds something to nothing, or nearly all to all."""
    if 0 < share < 0.01:
        return "< 1 %"
    if 0.99 < share < 1:
        return "> 99 %"
    return f"{round(100 * share)} %"


def count(value: int) -> str:
    """A whole number; a thin space parts thousands."""
    return f"{value:,}".replace(",", "\u202f")


def counted(value: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun: 1 row, 2 rows, 3 cities."""
    usual = noun[:-1] + "ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else noun + "s"
    return f"{count(value)} {noun if value == 1 else plural or usual}"


def joined(names: Sequence[str]) -> str:
    """Names in a row as one writes them: a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "none"


def readable(told: Mapping[str, Any], name: str) -> str:
    """In a sentence, how much of a column that was to be kept out a fresh model still reads, against chance.

    `told` is the column's entry under "probes" in metrics.json. Nothing is left where the intervals of all probes reach
    down to chance.
    """
    metric = "r2" if told["kind"] == "numbers" else "accuracy"
    chance = told["chance"][metric]
    entries = [
        (entry["metrics"][metric], entry["intervals"].get(metric), layer, probe)
        for layer, probes in told["layers"].items()
        for probe, entry in probes.items()
        if metric in entry["metrics"]
    ]
    if not entries:
        return f"Whether {name} can still be read is not known: too few rows."
    most, _, layer, probe = max(entries, key=lambda entry: entry[0])
    where = {"pooled": "what the answers are made from", "tokens": "the layer before the answers"}[layer]
    by = {"linear": "a fresh linear probe", "mlp": "a fresh probe with a hidden layer"}[probe]
    figures = f"{number(most)} by {label(metric)}, where chance gives {number(chance)}"
    if all((span[0] if span else value) <= chance for value, span, *_ in entries):
        return f"No fresh probe reads {name} better than by chance; the best of them reaches {figures}."
    return f"Of {name}, {by} can still read from {where}: {figures}."
