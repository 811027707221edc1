"""Which fusion should a user choose: all of them on the same rows, with the same encoders and nothing tuned.

Question: on five sets and several seeds, how good is each fusion when everything is there, when each modality is dark,
and when a share of every modality's content is hidden? Two measures of MultiBench (Liang et al. 2021, section 3.4) sum
up the last: relative robustness is the mean of the score over the strengths of noise, effective robustness is how much
more of its clean score a fusion keeps than late fusion does. The score of a set is the mean headline of its tasks.
Read by: means over seeds, and the 95 % interval of the paired difference to the best fusion of the set (Student's t;
seeds share their rows, so it tells of weights and order, not of other rows).
Every fusion has its default options; own losses are those that its form allows; one member each, for as many epochs as
the default takes. Sets are cut to at most ROWS training rows so that all of it can be run on two cores. Each set has a
table of its own; cells that it holds already are not run again.

    python benchmarks/fusion.py [SET …] [--seeds N] [--fusions a,b]
    python benchmarks/fusion.py --told     # results/fusion.csv out of what there is, and tables for the docs page
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from compare import Fold, compare_fold, named_division, open_set, score
from record import read, write
from scipy import stats

from polymodal.core import Batch, Values
from polymodal.core.seeding import torch_generator
from polymodal.data.splits import Split
from polymodal.run.division import Division
from polymodal.run.judging import as_answers
from polymodal.run.tables import Source
from polymodal.spec.parts import FUSIONS
from polymodal.tasks.metrics import Answers
from polymodal.training.predicting import answers, outputs

__all__ = ["SETS", "kind_of", "main", "measured", "page", "scores", "told", "trailing"]

SETS: dict[str, tuple[str, ...]] = {
    "senses_digits": ("train.batch_size=32", "train.epochs=30"),
    "biotac_sp": (),
    "emoji_noto": ("modalities.picture.size=32",),
    "glyphs": (),
    "womens_clothing": (),
}
"""Each with what its own spec is changed to, so that there is time for all: smaller pictures, fewer steps."""
ROWS = 800
FORMS = {name: f"{{type: {name}}}" for name in sorted(FUSIONS.parts())} | {
    f"late_{combine}": f"{{type: late, combine: {combine}}}" for combine in ("mean", "learned")
}
FORMS |= {f"{name}_tied": f"{{type: {name}, tied: true}}" for name in ("bottleneck", "co_attention", "cross_attention")}
"""What is compared: every fusion as it is by default, which for late is the product; the other ways to be late; and one
block for all modalities instead of one for each."""
NOISE = (0.2, 0.4, 0.6, 0.8)
"""Shares of the content that are hidden in every modality at once."""


def division_of(source: Source) -> Division:
    """The set's own split, with at most ROWS training rows, the same for every seed."""
    division = named_division(source)
    train = division.split.train
    if len(train) > ROWS:
        train = np.sort(np.random.default_rng(0).choice(train, ROWS, replace=False))
    return replace(division, split=Split(train, division.split.validation, division.split.test))


def noisy(fold: Fold, rate: float) -> dict[str, Answers]:
    """Answers with about `rate` of the content of every modality hidden; the same content for every fusion."""
    fitted, rows, generator = fold.fitted, fold.fitted.split.test, torch_generator(0, "noise", round(rate * 100))

    def change(batch: Batch) -> Batch:
        inputs = {
            name: Values(fitted.model.modalities[name].corrupt(values.data, rate, generator)[0], values.index)
            if values.count
            else values
            for name, values in sorted(batch.inputs.items())
        }
        return replace(batch, inputs=inputs)

    made = outputs(fitted.model, fitted.samples, rows, change)
    found = answers(fitted.model, fitted.samples, rows, made)
    return {name: as_answers(fitted.model, name, decoded, truth) for name, (decoded, truth, _) in found.items()}


def measured(source: Source, fusion: str, seed: int) -> Iterator[dict[str, Any]]:
    """The rows of one cell: a fusion on a set with a seed, every task in every condition."""
    fold = compare_fold(
        source,
        division_of(source),
        seed=seed,
        overrides=(f"model.fusion={FORMS[fusion]}", "train.members=1", *SETS[source.spec.source.name]),
        floors=False,
    )
    names = list(fold.fitted.model.modalities)
    conditions = {"clean": fold.ours()}
    conditions |= {f"{name} dark": fold.ours(frozenset(set(names) - {name})) for name in names}
    conditions |= {f"noise {rate}": noisy(fold, rate) for rate in NOISE}
    for condition, made in conditions.items():
        for task, found in made.items():
            metric = fold.headline(task)
            yield {
                "set": source.spec.source.name,
                "fusion": fusion,
                "seed": seed,
                "task": task,
                "metric": metric,
                "condition": condition,
                "value": score(found, metric),
                "n": len(found),
                "seconds": fold.seconds,
            }


def scores(rows: pd.DataFrame) -> pd.DataFrame:
    """A row for each fusion and seed of one set: what it scores in four conditions, each the mean over tasks."""
    every = rows.groupby(["fusion", "seed", "condition"])["value"].mean().unstack("condition")
    noise = every[[name for name in every.columns if name.startswith("noise")]].mean(axis=1)
    dark = every[[name for name in every.columns if name.endswith("dark")]].mean(axis=1)
    kept = noise - every["clean"]
    late = kept.xs("late", level="fusion").reindex(kept.index.get_level_values("seed")).to_numpy()
    return pd.DataFrame({"clean": every["clean"], "dark": dark, "relative": noise, "effective": kept - late})


def told(name: str) -> Iterator[dict[str, Any]]:
    """A row for each fusion and condition of a set: its mean, and its distance to the best there."""
    found = scores(pd.DataFrame(read(f"fusion_{name}")))
    for condition in found.columns:
        wide = found[condition].unstack("fusion")
        best = wide.mean().idxmax()
        for fusion in wide.columns:
            behind = (wide[fusion] - wide[best]).dropna()
            reach = 0.0
            if fusion != best:
                spread = behind.std(ddof=1) / len(behind) ** 0.5
                reach = float(stats.t.ppf(0.975, len(behind) - 1) * spread) if len(behind) > 1 else float("nan")
            yield {"set": name, "condition": condition, "fusion": fusion, "seed": f"{len(behind)} seeds"} | {
                "value": wide[fusion].mean(),
                "best": best,
                "difference": behind.mean(),
                "low": behind.mean() - reach,
                "high": behind.mean() + reach,
                # With one seed nothing is shown.
                "level": not behind.mean() + reach < 0,
            }


def trailing(rows: pd.DataFrame) -> list[str]:
    """The fusions that are level with the best on no set, clean or dark: they are marked experimental."""
    kinds = rows[rows["condition"].isin(["clean", "dark"])].assign(kind=lambda held: held["fusion"].map(kind_of))
    return sorted(str(kind) for kind, level in kinds.groupby("kind")["level"].any().items() if not level)


def kind_of(form: str) -> str:
    """The fusion of which a form is one way to build it."""
    return next(name for name in sorted(FUSIONS.parts(), key=len, reverse=True) if form.startswith(name))


def page(rows: pd.DataFrame) -> str:
    """A table in Markdown for each condition: means by fusion and set, those level with the best in bold."""
    parts = []
    for condition, held in rows.groupby("condition", sort=False):
        sets = list(dict.fromkeys(held["set"]))
        parts += [f"\n{condition}\n", "| fusion | " + " | ".join(sets) + " |", "|---" * (len(sets) + 1) + "|"]
        for fusion, cells in held.groupby("fusion"):
            told = {row["set"]: f"{row['value']:.3f}" for _, row in cells.iterrows()}
            told |= {row["set"]: f"**{told[row['set']]}**" for _, row in cells[cells["level"]].iterrows()}
            parts.append(f"| `{fusion}` | " + " | ".join(told.get(name, "") for name in sets) + " |")
    return "\n".join(parts)


def main() -> None:
    """Run what is not there yet; the table of a set is written after each cell."""
    asked = argparse.ArgumentParser(description="Which fusion to choose.")
    asked.add_argument("sets", nargs="*", default=list(SETS))
    asked.add_argument("--seeds", type=int, default=5)
    asked.add_argument("--fusions", default=",".join(FORMS))
    asked.add_argument("--told", action="store_true")
    given = asked.parse_args()
    if given.told:
        there = [name for name in given.sets if read(f"fusion_{name}")]
        rows = [row for name in there for row in told(name)]
        write("fusion", rows, 0)
        print(page(pd.DataFrame(rows)))
        print("\nlevel with the best nowhere, clean or dark:", ", ".join(trailing(pd.DataFrame(rows))))
        return
    for name in given.sets:
        rows, source = read(f"fusion_{name}"), open_set(name)
        done = {(row["fusion"], int(row["seed"])) for row in rows}
        for seed, fusion in product(range(given.seeds), given.fusions.split(",")):
            if (fusion, seed) in done:
                continue
            new = list(measured(source, fusion, seed))
            rows += new
            write(f"fusion_{name}", rows, seed)
            clean = (f"{row['task']} {row['value']:.3f}" for row in new if row["condition"] == "clean")
            print(name, fusion, seed, round(new[0]["seconds"]), *clean, flush=True)


if __name__ == "__main__":
    main()
