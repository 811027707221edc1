"""What a run folder says about its run, read with care: a report is made from whatever is there."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from polymodal.core import DamagedError, UsageProblem
from polymodal.run import answers_nothing

__all__ = ["Facts", "TaskFacts", "read_facts"]

KINDS = {
    "regression": "numbers",
    "count": "numbers",
    "ordinal": "ordered",
    "multilabel": "labels",
    "survival": "times",
    "retrieval": "ranks",
    "embedding": "ranks",
    "token_labels": "tokens",
    "token_values": "token_numbers",
    "segmentation": "pixels",
    "depth": "depths",
    "detection": "boxes",
    "potential": "token_numbers",
}


@dataclass(frozen=True)
class TaskFacts:
    """One task: its entry in metrics.json, and its labelled test rows.

    `truth` and `prediction` (n,) are labels as text or numbers; `probabilities` (n, classes) where there are classes;
    `rows` (n,) row numbers of the table.
    """

    name: str
    kind: str
    entry: Mapping[str, Any]
    rows: np.ndarray
    truth: np.ndarray
    prediction: np.ndarray
    probabilities: np.ndarray | None
    identities: Sequence[str]

    @property
    def classes(self) -> list[str]:
        """The labels in their order; empty for numbers."""
        return [str(name) for name in self.entry.get("classes", [])]

    def holds(self, answers: np.ndarray) -> np.ndarray:
        """(n, classes) True for each label that stands in an answer of several labels, "red;round"."""
        return np.array([[f";{label};" in f";{answer};" for label in self.classes] for answer in answers], dtype=bool)

    @property
    def stated(self) -> np.ndarray | None:
        """(n,) the probability of the answer that was given, which need not be the largest; None without classes."""
        if self.probabilities is None or self.kind == "labels":
            return None
        given = self.prediction[:, None] == np.asarray(self.classes, dtype=object)
        return np.asarray(np.where(given, self.probabilities, 0.0).sum(1))

    @property
    def headline(self) -> str:
        """The metric that the task is judged by."""
        return str(self.entry["headline"])

    @property
    def better(self) -> int:
        """1 where more of the headline metric is better, -1 where less is."""
        return 1 if self.entry.get("higher_is_better", True) else -1

    def metric(self, name: str) -> float | None:
        """One metric of our model, None where it is undefined."""
        return self.entry.get("metrics", {}).get(name)

    def interval(self, name: str) -> Sequence[float] | None:
        """The 95 % interval of one metric of our model, None where there is none."""
        return self.entry.get("intervals", {}).get(name)


@dataclass(frozen=True)
class Facts:
    """Everything that the report is made from.

    `checked` is False where nothing tells what the checks found. `shared` is how many groups have rows on both sides,
    None where they were not counted.
    """

    name: str
    metrics: Mapping[str, Any]
    tasks: Sequence[TaskFacts]
    events: Sequence[Mapping[str, Any]] = ()
    refusals: Sequence[Mapping[str, Any]] = ()
    findings: Sequence[Mapping[str, Any]] = ()
    checked: bool = True
    shared: int | None = None
    spec_text: str = ""
    spec: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """Rows by part of the split."""
        return {part: int(count) for part, count in self.metrics.get("rows", {}).items()}

    @property
    def group(self) -> str | None:
        """The column whose groups stay together, if one was named."""
        return self.spec.get("data", {}).get("group")

    @property
    def command(self) -> str:
        """The command that made the run."""
        return str(self.metrics.get("command") or f"polymodal fit spec.yaml --out {shlex.quote(self.name)}")


def read_facts(run: Path) -> Facts:
    """Read a run folder.

    Raises UsageProblem where there is no finished run with tasks, DamagedError for a file out of shape.
    """
    metrics = _json(run / "metrics.json")
    if not metrics:
        raise UsageProblem(
            "no-metrics",
            where=str(run),
            expected="a finished run, with metrics.json",
            found="a folder without it" if run.is_dir() else "a file" if run.is_file() else "no such folder",
            remedy="finish the run with polymodal fit --resume" if run.is_dir() else "name the folder of a run",
        )
    if "objectives" in metrics and not metrics.get("tasks"):
        raise answers_nothing(run)
    predictions = _parquet(run / "predictions.parquet")
    spec_file = next((run / name for name in ("spec.resolved.yaml", "spec.yaml") if (run / name).exists()), None)
    spec_text = spec_file.read_text(encoding="utf-8", errors="replace") if spec_file else ""
    spec, findings = _spec(spec_text), _findings(run / "findings.json")
    return Facts(
        name=str(metrics.get("run") or run.name),
        metrics=metrics,
        tasks=[_task(name, entry, predictions) for name, entry in metrics.get("tasks", {}).items()],
        events=_lines(run / "events.jsonl"),
        refusals=_lines(run / "errors.jsonl"),
        findings=findings or [],
        checked=findings is not None,
        spec_text=spec_text,
        spec=spec,
        environment=_json(run / "environment.json"),
    )


def _task(name: str, entry: Mapping[str, Any], predictions: pd.DataFrame | None) -> TaskFacts:
    kind = KINDS.get(str(entry.get("type")), "classes" if entry.get("headline") != "r2" else "numbers")
    nothing = np.empty(0, dtype=object)
    target = f"{name}.target"
    if predictions is None or target not in predictions:
        return TaskFacts(name, kind, entry, np.empty(0, dtype=np.int64), nothing, nothing, None, ())
    known = predictions[predictions[target].notna()]
    known = known[known["split"] == "test"] if "split" in known else known
    columns = [f"{name}.probability.{label}" for label in entry.get("classes", [])]
    probabilities = known[columns].to_numpy(float) if columns and set(columns) <= set(known) else None
    identities = known["id" if "id" in known else "row"].astype(str).tolist()
    values = [known[f"{name}.{column}"] for column in ("target", "prediction")]
    cast = [part.to_numpy(float) if kind == "numbers" else part.astype(str).to_numpy(object) for part in values]
    return TaskFacts(name, kind, entry, known["row"].to_numpy(), cast[0], cast[1], probabilities, identities)


def _spec(text: str) -> Mapping[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        found = YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        return {}
    return found if isinstance(found, dict) else {}


def _findings(path: Path) -> list[dict[str, Any]] | None:
    """What the checks found, what was accepted on purpose among it; None where the file is missing."""
    if not path.exists():
        return None
    told = _parsed(path)
    found = told.get("findings") if isinstance(told, dict) else told
    if not isinstance(found, list) or not all(isinstance(finding, dict) for finding in found):
        raise _damaged(path, "no list of findings")
    return found


def _json(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    found = _parsed(path)
    if not isinstance(found, dict):
        raise _damaged(path, "no object")
    return found


def _parsed(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise _damaged(path, str(error)) from error


def _lines(path: Path) -> list[dict[str, Any]]:
    """One object a line; a last line that a crash cut off is left out."""
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else ():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return [line for line in found if isinstance(line, dict)]


def _parquet(path: Path) -> pd.DataFrame | None:
    if not path.exists():
        return None
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, found: str) -> DamagedError:
    return DamagedError(
        "damaged-run",
        where=str(path),
        expected="the file that the run wrote",
        found=found[:200],
        remedy="take the folder from a backup, or train again",
    )
