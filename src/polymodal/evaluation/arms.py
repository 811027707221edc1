"""Ways of learning the tasks of a spec that are compared with one another, all at one budget."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from polymodal import run
from polymodal.core import DataError, UsageProblem
from polymodal.evaluation.effects import Scores
from polymodal.evaluation.runs import answered
from polymodal.run.fitting import teaching
from polymodal.run.judging import group_labels
from polymodal.run.tables import divide, fingerprint, open_source
from polymodal.spec import Spec
from polymodal.tasks.intervals import bootstrap

__all__ = ["Arm", "Bench"]

RATES = (1.0, 0.3, 3.0, 0.1, 10.0)
"""Learning rates that are tried, as shares of the one in the spec."""
BOOK = "arms.json"
"""By the names of their folders, the specs by which arms were trained, and what tells their tables apart."""
LOOKS = 40
"""How often in a training the gradients of tasks are compared."""


@dataclass(frozen=True)
class Arm:
    """One way to learn: some tasks together, by a balancer, with wrong answers of one, or with less that is shared."""

    tasks: tuple[str, ...]
    balancer: str | None = None
    spoilt: tuple[str, float] | None = None
    sharing: str | None = None


@dataclass
class Bench:
    """Trains arms of a spec into folders below `out`, each with every seed, and judges them on the same test rows.

    Every arm gets as many steps as all tasks together have, batches and ensembles of the same size, and `tune` learning
    rates, the best of which is chosen for each arm on the validation rows of the first seed. Arms that are finished are
    not trained again; UsageProblem is raised where they were trained by another spec.
    """

    spec: Spec
    out: Path
    seeds: Sequence[int]
    tune: int = 1
    note: Callable[[str], None] = lambda _: None
    _known: dict[Arm, dict[str, Scores]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        source = open_source(self.spec, self.out)
        parts = source.spec.build()
        division, self.findings = divide(source, parts)
        self.names = list(parts.tasks)
        self.headlines = {name: task.headline for name, task in parts.tasks.items()}
        train, weight = division.split.train, division.times
        self._rows = {
            name: np.intersect1d(train, teaching(source.table, source.spec.only([name]).build())) for name in self.names
        }
        self._table = fingerprint(source.table)
        self._weight = np.ones(len(source.table)) if weight is None else weight
        self.settings = parts.settings.resolved(self._count(self.names), parts.ensembles, parts.contrasts)

    @property
    def steps(self) -> int:
        """Steps of every training."""
        return (self.settings.epochs or 1) * self._per_epoch(self.names)

    def scores(self, arm: Arm) -> dict[str, Scores]:
        """The headline metric of each task of an arm; of a task with several aspects, of each, as "task.aspect"."""
        if arm not in self._known:
            self._known[arm] = self._judged(self.folders(arm))
        return self._known[arm]

    def folders(self, arm: Arm) -> list[Path]:
        """The runs of an arm, one for each seed."""
        return [self._fitted(arm, seed, self._best_rate(arm)) for seed in self.seeds]

    def validation(self, arm: Arm) -> float:
        """The best validation loss of an arm in shares of the untrained model's: the mean over tasks and seeds.

        Its validation rows have their own answers, whatever is spoilt in training.
        """
        return float(np.mean([_validation_loss(place) for place in self.folders(arm)]))

    def cosines(self, arm: Arm) -> list[Mapping[str, Any]]:
        """What training told of the directions of the tasks' gradients, for all seeds: {"step", "names", "cosines"}."""
        places = [self._place(arm, seed, self._best_rate(arm)) for seed in self.seeds]
        return [event for place in places for event in _events(place) if event.get("event") == "cosines"]

    def _best_rate(self, arm: Arm) -> float:
        if self.tune == 1:
            return 1.0
        first = {rate: self._fitted(arm, self.seeds[0], rate) for rate in RATES[: self.tune]}
        return min(first, key=lambda rate: _validation_loss(first[rate]))

    def check(self, arm: Arm) -> None:
        """Raise SpecError for an arm whose balancer or sharing does not exist, before anything is trained."""
        self._asked(arm, self.seeds[0], 1.0).build()

    def _fitted(self, arm: Arm, seed: int, rate: float) -> Path:
        place = self._place(arm, seed, rate)
        self._hold(place, self._asked(arm, seed, rate))
        if not (place / "metrics.json").exists():
            self.note(f"{place.relative_to(self.out)}: {self.steps:,} steps")
            tasks = None if set(arm.tasks) == set(self.names) else arm.tasks
            lesson = run.Lesson(tasks, arm.spoilt)
            run.fit(self._asked(arm, seed, rate), place, resume=place.exists(), lesson=lesson)
        return place

    def _hold(self, place: Path, asked: Spec) -> None:
        """Write down by which spec and table an arm is trained; one of others is not compared with it."""
        book = self.out / BOOK
        known = json.loads(book.read_text("utf-8")) if book.exists() else {}
        before, now = known.get(place.name), {"spec": asked.to_yaml(), "table": self._table}
        if before is None and not place.exists():
            self.out.mkdir(parents=True, exist_ok=True)
            book.write_text(json.dumps(known | {place.name: now}, indent=1), encoding="utf-8")
        elif before is None:
            raise _changed(place, ["a run of unknown origin"])
        elif before != now:
            other = ["another table"] if before["table"] != self._table else []
            raise _changed(place, other + asked.changes(Spec.from_text(before["spec"], asked.folder)))

    def _place(self, arm: Arm, seed: int, rate: float) -> Path:
        whole = "together" if "together" not in self.names else "together-all"
        words = [whole if set(arm.tasks) == set(self.names) else "+".join(arm.tasks)]
        words += [] if arm.balancer is None else [f"by-{arm.balancer}"]
        words += [] if arm.sharing is None else [f"with-{arm.sharing}"]
        words += [] if arm.spoilt is None else [f"{arm.spoilt[0]}-wrong-{arm.spoilt[1]:g}"]
        words += [] if rate == 1.0 else [f"rate-{rate:g}"]
        return self.out / "_".join([*words, f"seed-{seed}"])

    def _asked(self, arm: Arm, seed: int, rate: float) -> Spec:
        """The spec with the budget written out."""
        given, epochs = self.settings, max(1, round(self.steps / self._per_epoch(arm.tasks)))
        longer = epochs / (given.epochs or 1)
        train = {
            "epochs": epochs,
            "patience": math.ceil((given.patience or epochs) * longer),
            "batch_size": given.batch_size,
            "members": given.members,
            "lr": given.lr * rate,
            "seed": seed,
            "cosines": max(1, self.steps // LOOKS) if len(arm.tasks) > 1 else 0,
        }
        balancer = {} if arm.balancer is None else {"balancer": {"type": arm.balancer}}
        sharing = {} if arm.sharing is None else {"sharing": {"type": arm.sharing}}
        data = self.spec.to_dict()
        changed = {"train": data.get("train", {}) | train | balancer, "model": data.get("model", {}) | sharing}
        return self.spec.replaced(data | changed)

    def _count(self, tasks: Sequence[str]) -> int:
        rows = np.unique(np.concatenate([self._rows[name] for name in tasks]))
        return max(1, round(float(self._weight[rows].sum())))

    def _per_epoch(self, tasks: Sequence[str]) -> int:
        return -(-self._count(tasks) // (self.settings.batch_size or 1))

    def _judged(self, places: Sequence[Path]) -> dict[str, Scores]:
        """Headline metrics on the test rows, and on the same draws of them for every arm."""
        found: dict[str, list[tuple[float, np.ndarray]]] = {}
        of: dict[str, tuple[int, str]] = {}
        for place in places:
            opened = run.open_run(place)
            rows, groups = opened.fitted.split.test, group_labels(opened.fitted, opened.spec.data.group)
            for name, (owner, made, labelled) in answered(opened.fitted, rows).items():
                task = opened.fitted.model.tasks[owner]
                drawn = bootstrap(made, None if groups is None else groups[rows][labelled])
                if task.headline not in drawn.metrics:
                    raise _unjudged(name, task.headline, len(made))
                of[name] = (1 if task.higher_is_better else -1, owner)
                draws = drawn.draws.get(task.headline, np.zeros(0))
                found.setdefault(name, []).append((drawn.metrics[task.headline], draws))
        return {name: _scores(each, *of[name]) for name, each in found.items()}


def _scores(found: Sequence[tuple[float, np.ndarray]], sign: int, task: str) -> Scores:
    values, draws = zip(*found, strict=True)
    return Scores(np.array(values), np.stack(draws), sign, task)


def _unjudged(task: str, headline: str, rows: int) -> DataError:
    return DataError(
        "nothing-to-judge",
        where=f"test rows of task {task}",
        expected=f"rows by which {headline} is defined",
        found=f"{rows} labelled rows",
        remedy="hold out more rows (data.split), or take the task out",
    )


def _changed(place: Path, changes: Sequence[str]) -> UsageProblem:
    return UsageProblem(
        "run-changed",
        where=str(place),
        expected="the table, spec and --set that its runs were trained by",
        found="; ".join(changes[:5]) or "another spec",
        remedy="give them again as they were, or compare in another folder (--out)",
    )


def _events(place: Path) -> list[dict[str, Any]]:
    told = []
    for line in (place / "events.jsonl").read_text("utf-8").splitlines():
        try:
            told.append(json.loads(line))
        except ValueError:  # cut off when a process died
            continue
    return told


def _validation_loss(place: Path) -> float:
    """The mean over tasks and members of the best validation loss, in shares of the untrained model's."""
    reference: dict[int, Mapping[str, float]] = {}
    best: dict[int, float] = {}
    for event in _events(place):
        member, told = event.get("member", 0), event.get("validation") or {}
        if event.get("event") == "reference":
            reference[member] = told
        elif event.get("event") == "epoch" and told:
            shares = [loss / max(reference.get(member, {}).get(name, 1.0), 1e-12) for name, loss in told.items()]
            best[member] = min(best.get(member, np.inf), float(np.mean(shares)))
    return float(np.mean(list(best.values()))) if best else np.inf
