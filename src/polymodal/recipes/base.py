"""What a recipe is, and the kitchen it is cooked in: a folder for its runs, small or full."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from polymodal import run
from polymodal.core.seeding import numpy_generator
from polymodal.data import sets
from polymodal.data.listing import files_beside
from polymodal.data.tables import read_table
from polymodal.evaluation import judge_run
from polymodal.evaluation.effects import Effect
from polymodal.report import build_report
from polymodal.spec import Spec

__all__ = ["Finding", "Kitchen", "Recipe", "Told", "figure", "gain"]

TINY = {"train.epochs": 1, "train.members": 1, "train.batch_size": 32}
TINY_ROWS = 64


@dataclass(frozen=True)
class Finding:
    """One line of what a recipe found: a figure, its 95 % interval where there is one, and how many rows it is of."""

    what: str
    value: float
    interval: Sequence[float] | None = None
    n: int | None = None


@dataclass(frozen=True)
class Told:
    """What a recipe ends with: its figures, and pictures and pages that were written, relative to its folder."""

    findings: Sequence[Finding]
    files: Sequence[str] = field(default=())


@dataclass(frozen=True)
class Kitchen:
    """Where a recipe is cooked: the folder of its runs, and whether only a taste of it is wanted (`tiny`)."""

    out: Path
    tiny: bool = False
    seed: int = 0
    note: Callable[[str], None] = lambda _: None

    def spec(self, data_set: str, change: Mapping[str, Any] = MappingProxyType({}), table: str | None = None) -> Spec:
        """The spec of a data set with the sections in `change` in place of its own, on another of its tables if named.

        In the section `data`, keys are replaced one by one, and those that are None taken out. Of a taste, with a few
        rows of each part.
        """
        chosen = sets.named(data_set)
        own = chosen.spec()
        data = dict(own["data"]) | dict(change.get("data", {}))
        data |= {} if table is None else {"table": str(chosen.ready() / table)}
        plain = own | dict(change) | {"data": {key: value for key, value in data.items() if value is not None}}
        spec = Spec.from_dict(plain, name=data_set)
        return self.small(spec) if self.tiny else spec

    def small(self, spec: Spec) -> Spec:
        """The spec on a few rows, written beside the runs."""
        plain, path = spec.to_dict(), spec.tables[0]
        frame = read_table(path, missing=spec.data.missing).frame
        column, draw = spec.data.split.column, numpy_generator(0, "taste")
        parts = frame[column].astype(str).to_numpy() if column is not None else np.zeros(len(frame))
        kept: list[int] = []
        for part in np.unique(parts):
            rows = np.flatnonzero(parts == part)
            kept += sorted(draw.permutation(rows)[:TINY_ROWS])
        self.out.mkdir(parents=True, exist_ok=True)
        table = self.out / f"taste-{path.stem}.parquet"
        frame.iloc[kept].reset_index(drop=True).to_parquet(table, index=False)
        files = spec.path(spec.data.files) if spec.data.files is not None else files_beside(path)
        plain["data"] |= {"table": str(table.resolve()), "files": str(files.resolve())}
        return Spec.from_dict(plain, name=spec.source.name).override(*(f"{key}={value}" for key, value in TINY.items()))

    def pretrained(self, name: str, spec: Spec) -> Path:
        """The folder of a run that learned by the objectives of a spec; one that is finished is not run again."""
        place = self.out / name
        if not (place / "metrics.json").exists():
            self.note(f"{name}: learning without labels")
            run.pretrain(self.seeded(spec), place, resume=place.exists())
        return place

    def fitted(self, name: str, spec: Spec) -> dict[str, Any]:
        """The judged result of a run, with a report in its folder; one that is finished is not run again."""
        place = self.out / name
        if not (place / "report.html").exists():
            self.note(f"{name}: learning")
            if not (place / "metrics.json").exists():
                run.fit(self.seeded(spec), place, resume=place.exists())
            judge_run(run.open_run(place))
            build_report(place)
        return run.open_run(place).folder.read_json("metrics.json")

    def seeded(self, spec: Spec) -> Spec:
        """The spec with the seed of this kitchen."""
        return spec.override(f"train.seed={self.seed}")


@dataclass(frozen=True)
class Recipe:
    """An end-to-end story on real data: what it shows in a sentence, which sets it needs, and how it goes."""

    name: str
    title: str
    sets: Sequence[str]
    cook: Callable[[Kitchen], Told]


def figure(told: Mapping[str, Any], task: str, metric: str, what: str) -> Finding:
    """One metric of one task of a judged run."""
    entry = told["tasks"][task]
    return Finding(what, float(entry["metrics"][metric]), entry["intervals"].get(metric), int(entry["n"]))


def gain(what: str, found: Effect) -> Finding:
    """How much better one way of learning is than another."""
    interval = None if found.low is None or found.high is None else (found.low, found.high)
    return Finding(what, found.difference, interval)
