"""Is the fused model better than each of its modalities, and is every subset as good as its best member?

Question: glyphs (synthetic data: drawn from fonts), unseen fonts and characters; script, category (macro AUROC) and
bold (AUROC) by one model on picture, name and shape numbers.
Bar 1: fused is at least the best single modality on each task, both the same model with the others dark, and a model
that was trained on that modality alone. Bar 2: any subset of two or three is at least the best single of its members,
likewise in both ways. Read by: the lower 95 % bound of the difference to the best single (best on these test rows) is
above -1 point; paired bootstrap that draws groups of characters whole. Floors on all modalities stand beside.

    python benchmarks/glyphs.py [SEEDS [FIRST]]
"""

import sys
from collections.abc import Mapping
from itertools import combinations

from compare import Fold, compare_fold, gap, named_division, open_set, score
from record import write

from polymodal.tasks.metrics import Answers

__all__ = ["main", "singles", "table"]

Told = Mapping[str, Mapping[str, Answers]]


def table(fold: Fold, dark: Told, trained: Told) -> list[dict[str, object]]:
    """A row for each task, subset and way of making a single: the subset beside the best single of its members."""
    rows, names = [], list(fold.fitted.model.modalities)
    for size in range(2, len(names) + 1):
        for subset in combinations(names, size):
            made = fold.ours(frozenset(subset))
            rows += [
                _row(fold, task, subset, made[task], way, told)
                for task in made
                for way, told in (("dark", dark), ("trained alone", trained))
            ]
    return rows


def _row(fold: Fold, task: str, subset: tuple[str, ...], made: Answers, way: str, singles: Told) -> dict[str, object]:
    metric = fold.headline(task)
    best = max(subset, key=lambda name: score(singles[name][task], metric))
    found = gap(made, singles[best][task], metric, fold.groups(task))
    plain = {name: score(floor.answers, metric) for name, floor in fold.floors[task].items()}
    return (
        {"task": task, "subset": " + ".join(subset), "single": way, "n_test": len(made), "auroc": score(made, metric)}
        | {"best_single": best, "single_auroc": score(singles[best][task], metric)}
        | {"difference": found.difference, "low": found.low, "high": found.high, "bar_met": found.low > -0.01}
        | {f"{name}_on_all": figure for name, figure in plain.items()}
    )


def singles(fold: Fold, seed: int) -> tuple[Told, Told]:
    """Answers of each modality: out of the fused model with the others dark, and of a model trained on it alone."""
    source, names = fold.source, list(fold.fitted.model.modalities)
    division = named_division(source)
    dark = {name: fold.ours(frozenset({name})) for name in names}
    trained = {name: compare_fold(source, division, seed=seed, only=[name], floors=False).ours() for name in names}
    return dark, trained


def main(seeds: int = 1, first: int = 0) -> None:
    """One fused model and three single ones for each seed; the spec of the set says how long they train."""
    source, rows = open_set("glyphs"), []
    for seed in range(first, first + seeds):
        fold = compare_fold(source, named_division(source), seed=seed)
        made = table(fold, *singles(fold, seed))
        rows += [{"seed": seed} | row | {"fit_seconds": round(fold.seconds)} for row in made]
        print(*made, sep="\n", flush=True)
        write("glyphs", rows, seed)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
