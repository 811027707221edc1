"""A tenth of the labels: what do the other rows teach before the first label is seen?

Question: on emoji (picture, name, tags) and clothing reviews (title, text, numbers), nine tenths of the labels of
training and validation are taken away, whole groups at a time. Three ways on the same rows, all else equal: scratch
on the labelled rows alone; scratch with readers (vocabularies, main directions) that know all rows; and started
from `pretrain`, which has seen all rows and no label.
Bar: pretrained at least 3 points above the better one of the two from scratch, on at least one of the sets.
Read by: the headline metric of each task, and accuracy where it is told, over seeds 2 and up, each with a test split, a
tenth and weights of its own; the interval is that of the paired difference (Nadeau and Bengio's correction, for splits
share rows). One member each. Seeds 0 and 1 of emoji chose how long to pretrain (20 epochs better than 60).

    OMP_NUM_THREADS=1 python benchmarks/few_labels.py [SET …] [--seeds N]
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from compare import gap_over_folds
from record import write

from polymodal import run
from polymodal.data import sets
from polymodal.run.tables import divide, open_source
from polymodal.spec import Spec

__all__ = ["SETS", "main", "ways"]

SHARE, EPOCHS, FIRST_SEED = 0.1, 20, 2
SETS: dict[str, dict[str, Any]] = {
    "emoji_noto": {"objectives": {"align": {"type": "contrastive"}}},
    "womens_clothing": {
        "modalities": {
            "title": {"type": "text", "columns": ["Title"]},
            "text": {"type": "text", "columns": ["Review Text"]},
            "numbers": {"type": "table", "columns": ["Age", "Positive Feedback Count"]},
        },
        "objectives": {"align": {"type": "contrastive", "between": ["title", "text"]}},
    },
}
"""What the spec of each set is changed to; the objectives are for `pretrain` alone."""


def labelled(spec: Spec, seed: int, folder: Path) -> tuple[Spec, pd.DataFrame]:
    """The spec with the parts of its split written into a column, and its table with a tenth of the labels."""
    source = open_source(spec, folder)
    division, _ = divide(source, spec.build())
    frame = source.table.frame.copy()
    split, group = division.split, spec.data.group
    for part in ("train", "validation", "test"):
        frame.loc[frame.index[getattr(split, part)], "part"] = part
    lots = np.random.default_rng(seed).permutation(frame.loc[frame["part"] != "test", group].unique())
    kept = set(lots[: round(SHARE * len(lots))])
    frame["told"] = (frame["part"] == "test") | frame[group].isin(kept)
    targets = [task["target"] for task in spec.to_dict()["tasks"].values()]
    for target in targets:
        frame[target] = frame[target].where(frame["told"])
    plain = spec.to_dict()
    plain["data"]["split"] = {"column": "part", "validation": ["validation"], "test": ["test"]}
    return spec.replaced(plain), frame


def told(spec: Spec, frame: pd.DataFrame, folder: Path, name: str, **model: str) -> dict[str, Any]:
    """What a fit on these rows, without objectives, says of the test rows."""
    frame.to_parquet(folder / f"{name}.parquet", index=False)
    plain = spec.to_dict()
    plain["data"]["table"] = str(folder / f"{name}.parquet")
    plain["objectives"] = {}
    plain["model"] |= model
    return run.fit(spec.replaced(plain), folder / name)["tasks"]


def ways(name: str, seed: int) -> Iterator[dict[str, Any]]:
    """A row for each way and task."""
    plain = sets.named(name).spec()
    plain["data"]["split"] |= {"seed": seed}
    plain |= SETS[name] | {"train": {"seed": seed, "members": 1}, "model": {}}
    with TemporaryDirectory() as place:
        folder = Path(place)
        spec, frame = labelled(Spec.from_dict(plain, name=name), seed, folder)
        frame.to_parquet(folder / "before.parquet", index=False)
        blank = spec.to_dict()
        blank["data"]["table"] = str(folder / "before.parquet")
        blank["train"]["epochs"] = EPOCHS
        run.pretrain(spec.replaced(blank), folder / "before")
        made = {
            "labelled rows": told(spec, frame[frame["told"]], folder, "alone"),
            "readers know all": told(spec, frame, folder, "readers"),
            "pretrained": told(spec, frame, folder, "started", start_from=str(folder / "before")),
        }
    for way, tasks in made.items():
        for task, metric, value in figures(tasks):
            yield {"set": name, "seed": seed, "way": way, "task": task, "metric": metric} | {
                "value": value,
                "labels": int(frame["told"].sum() - (frame["part"] == "test").sum()),
                "rows": int((frame["part"] != "test").sum()),
                "test": int((frame["part"] == "test").sum()),
            }


def figures(tasks: dict[str, Any]) -> Iterator[tuple[str, str, float]]:
    """Task, metric, value."""
    for task, entry in tasks.items():
        for metric in dict.fromkeys((entry["headline"], "accuracy")):
            if metric in entry["metrics"]:
                yield task, metric, entry["metrics"][metric]


def gaps(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """For each task, pretrained less the better way from scratch, over seeds."""
    found: dict[tuple[str, str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        found[row["set"], row["task"], row["metric"]][row["way"]].append(row["value"])
    size = {row["set"]: (row["rows"], row["test"]) for row in rows}
    for (name, task, metric), values in found.items():
        scratch = max(("labelled rows", "readers know all"), key=lambda way: float(np.mean(values[way])))
        differences = np.subtract(values["pretrained"], values[scratch])
        gap = gap_over_folds(differences.tolist(), *size[name])
        told = {way: float(np.mean(found)) for way, found in values.items()}
        yield (
            {"set": name, "task": task, "metric": metric, "seeds": len(differences)}
            | told
            | {"versus": scratch, "difference": gap.difference, "low": gap.low, "high": gap.high}
        )


def main() -> None:
    """The table is written after each seed of a set."""
    asked = argparse.ArgumentParser(description="A tenth of the labels.")
    asked.add_argument("sets", nargs="*", default=list(SETS))
    asked.add_argument("--seeds", type=int, default=5)
    given = asked.parse_args()
    rows: list[dict[str, Any]] = []
    for name in given.sets:
        for seed in range(FIRST_SEED, FIRST_SEED + given.seeds):
            new = list(ways(name, seed))
            rows += new
            write("few_labels", list(gaps(rows)), f"{FIRST_SEED} to {seed}")
            for row in new:
                print(name, seed, row["way"], row["task"], row["metric"], f"{row['value']:.3f}", flush=True)


if __name__ == "__main__":
    main()
