"""One model, three tasks: is each as good as the best plain model made for it alone?

Question: recommended (AUROC), rating (quadratic weighted kappa) and department (macro AUROC) of women's clothing
reviews, by one model with the set's own spec and split (10 % of the rows by Clothing ID, seed 42).
Bar: each task is at least the best plain baseline of the same rows: the lower 95 % bound of the difference is above
-1 point. Read by: paired bootstrap that draws whole items; the baseline is the one that is best on these test rows.

    python benchmarks/womens_clothing.py [SEEDS]
"""

import sys

from compare import Fold, compare_fold, gap, named_division, open_set, score
from record import write

__all__ = ["main", "table"]


def table(fold: Fold) -> list[dict[str, object]]:
    """A row for each task: our figure, each floor's, and the difference to the best floor."""
    rows = []
    for task, ours in fold.ours().items():
        metric, plain = fold.headline(task), fold.floors[task]
        best = max(("linear", "boosting"), key=lambda name: score(plain[name].answers, metric))
        found = gap(ours, plain[best].answers, metric, fold.groups(task))
        rows.append(
            {"task": task, "metric": metric, "n_test": len(ours), "ours": score(ours, metric)}
            | {name: score(made.answers, metric) for name, made in plain.items()}
            | {"versus": best, "difference": found.difference, "low": found.low, "high": found.high}
            | {"bar_met": found.low > -0.01, "fit_seconds": round(fold.seconds)}
        )
    return rows


def main(seeds: int = 1) -> None:
    """Fit once for each seed; the rows are always the same."""
    source, rows = open_set("womens_clothing"), []
    division = named_division(source)
    for seed in range(seeds):
        rows += [{"seed": seed} | row for row in table(compare_fold(source, division, seed=seed))]
        print(*rows[-3:], sep="\n", flush=True)
        write("womens_clothing", rows, seed)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
