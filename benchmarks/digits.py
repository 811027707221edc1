"""Seen and heard, and then one sense goes dark: is anything lost by having had both, and what do zeros in its place do?

Question: digits in bad light and in noise, a speaker who was never heard; the set's own spec on both senses against a
model of each sense alone, the product of these two (given the digit the senses are independent, so that nothing can be
expected to beat it), and zeros given in place of a sense: to the same model, and to one that was trained as toolkits do
that know nothing of absence (no modality dropout, no loss of a modality's own).
Bars: fused at least the product; with one sense dark at least the single model less one point; that at least 15 points
over zeros. The senses alone are meant to be about .70 to .80. Read by: accuracy on 500 test rows, the mean over seeds;
the interval of one figure is about ± 3.5 points.

    OMP_NUM_THREADS=1 python benchmarks/digits.py [SEEDS]
"""

import statistics
import sys
from dataclasses import replace

import numpy as np
import torch
from compare import Fold, compare_fold, named_division, open_set
from record import write

from polymodal.core import Batch, Values
from polymodal.run.judging import as_answers
from polymodal.run.tables import Source
from polymodal.tasks.metrics import Answers
from polymodal.training.predicting import answers, outputs

__all__ = ["main", "one_seed"]

SENSES, TASK = ("picture", "speech"), "digit"
UNAWARE = ("train.modality_dropout=0", "train.own_loss=0")


def right(made: Answers) -> float:
    """Accuracy."""
    return float(np.mean(made.truth == made.prediction))


def product(first: Answers, second: Answers) -> float:
    """Accuracy of the product of two models' probabilities, both of the same rows."""
    both = np.asarray(first.probabilities) * np.asarray(second.probabilities)
    return float(np.mean(np.asarray(first.classes)[both.argmax(axis=1)] == first.truth))


def zeroed(fold: Fold, sense: str) -> float:
    """Accuracy with zeros in place of a sense, which then counts as there."""
    fitted, rows = fold.fitted, fold.fitted.split.test

    def change(batch: Batch) -> Batch:
        values = batch.inputs[sense]
        blank = {name: torch.zeros_like(part) for name, part in values.data.items()}
        return replace(batch, inputs=dict(batch.inputs) | {sense: Values(blank, values.index)})

    made = answers(fitted.model, fitted.samples, rows, outputs(fitted.model, fitted.samples, rows, change))[TASK]
    return right(as_answers(fitted.model, TASK, made[0], made[1]))


def one_seed(source: Source, seed: int) -> dict[str, float]:
    """Every figure of one seed."""
    division = named_division(source)
    both = compare_fold(source, division, seed=seed, floors=False)
    alone = {
        sense: compare_fold(source, division, seed=seed, only=[sense], floors=False).ours()[TASK] for sense in SENSES
    }
    unaware = compare_fold(source, division, seed=seed, overrides=UNAWARE, floors=False)
    found = {"fused": right(both.ours()[TASK]), "product": product(*alone.values())}
    found["fused, unaware"] = right(unaware.ours()[TASK])
    for dark, lit in (SENSES, SENSES[::-1]):
        found[f"{lit} alone"] = right(alone[lit])
        found[f"{dark} dark"] = right(both.ours(frozenset({lit}))[TASK])
        found[f"{dark} zeros"] = zeroed(both, dark)
        found[f"{dark} zeros, unaware"] = zeroed(unaware, dark)
    return found


def main(seeds: int = 3) -> None:
    """The table is written after each seed; the last row is the mean."""
    source, rows = open_set("senses_digits"), []
    for seed in range(seeds):
        rows.append({"seed": seed, **one_seed(source, seed)})
        print(rows[-1], flush=True)
        mean = {name: statistics.mean(row[name] for row in rows) for name in rows[0] if name != "seed"}
        met = {"fused_met": mean["fused"] >= mean["product"]}
        for dark, lit in (SENSES, SENSES[::-1]):
            met[f"{dark}_dark_met"] = mean[f"{dark} dark"] >= mean[f"{lit} alone"] - 0.01
            met[f"{dark}_zeros_met"] = mean[f"{dark} dark"] >= mean[f"{dark} zeros, unaware"] + 0.15
        write("digits", [*rows, {"seed": "mean", **mean, **met}], "all")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
