"""From a spec and an empty folder to a trained model: what `fit` and `pretrain` have in common."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from polymodal.core import UsageProblem
from polymodal.data.findings import Finding
from polymodal.data.splits import Split
from polymodal.data.spoiling import spoil
from polymodal.run.fitting import Fitted, Watch, fit_parts
from polymodal.run.folder import Folder, environment
from polymodal.run.starting import Start, held_contents, start_from
from polymodal.run.stopping import listening
from polymodal.run.tables import Source, as_parquet, counts, divide, fingerprint, open_source, split_frame
from polymodal.spec import Parts, Spec

__all__ = ["Lesson", "Progress", "Run", "launch"]

Progress = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class Run:
    """A finished run: its folder, its settled spec, and the model beside the data that it was trained on.

    `absent` names modalities of which the table has no column, each with the columns that it would need.
    """

    folder: Folder
    spec: Spec
    fitted: Fitted
    absent: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Lesson:
    """What of a spec is learned: the tasks, None for all; and which of them, at what rate, with answers made wrong."""

    tasks: Sequence[str] | None = None
    spoilt: tuple[str, float] | None = None

    def of(self, source: Source, split: Split) -> Source:
        """The same source with fewer tasks, and with answers of its training and validation rows dealt out anew."""
        spec, table = source.spec, source.table
        if self.spoilt is not None:
            name, rate = self.spoilt
            rows = np.union1d(split.train, split.validation)
            parts = spec.build()
            table = spoil(table, parts.tasks[name].targets, rows, rate, parts.settings.seed)
        return replace(source, spec=spec if self.tasks is None else spec.only(self.tasks), table=table)


def launch(
    folder: Folder,
    spec: Spec,
    progress: Progress | None,
    narrowed: Callable[[Parts], Parts] = lambda parts: parts,
    lesson: Lesson = Lesson(),
) -> Run:
    """Train what a spec describes into a folder that is held; the rows are divided as for the whole spec.

    `narrowed` may leave parts out of what is trained, `lesson` tasks. Raises the errors of core.errors.
    """
    source = open_source(spec, folder.path)
    division, findings = divide(source, source.spec.build())
    whole, source = source, lesson.of(source, division.split)
    parts = source.spec.build()
    asked = narrowed(parts)
    start = start_from(source, parts, division.split)
    _begin(folder, spec, replace(source, table=whole.table), parts, (division.split, findings), (start, lesson))

    def report(event: Mapping[str, Any]) -> None:
        folder.event(event)
        if progress is not None:
            progress(event)

    with listening() as stop:
        place, bad_rows = folder.path / "checkpoints", source.spec.data.bad_rows
        fitted = fit_parts(source.table, asked, division, bad_rows, (place, start), Watch(report, stop))
    return Run(folder, source.spec, fitted)


def _begin(
    folder: Folder,
    spec: Spec,
    source: Source,
    parts: Parts,
    divided: tuple[Split, list[Finding]],
    begun: tuple[Start, Lesson],
) -> None:
    """Write down what the run is, or, where that stands there already, see that it is still the same."""
    (split, findings), (start, lesson) = divided, begun
    resolved = source.spec.resolved()
    told: dict[str, Any] = {"table": fingerprint(source.table), "spec": resolved.to_yaml(), "start": start.digest}
    told |= {} if lesson.spoilt is None else {"spoilt": list(lesson.spoilt)}
    if (folder.path / "environment.json").exists():
        before = folder.read_json("environment.json").get("resumes_with", {})
        changed = ["another table"] if before.get("table") != told["table"] else []
        changed += ["other answers made wrong"] if before.get("spoilt") != told.get("spoilt") else []
        changed += ["another model in model.start_from"] if before.get("start") != told["start"] else []
        if before.get("spec") != told["spec"]:
            then = Spec.from_text(str(before.get("spec")), name=str(folder.path))
            changed += resolved.changes(then)[:5] or ["another spec"]
        if changed:
            raise UsageProblem(
                "run-changed",
                where=str(folder.path),
                expected="the same table, spec and --set as when the run began",
                found="; ".join(changed),
                remedy="give them again as they were, or start a new run with another --out",
            )
        return
    folder.write("spec.yaml", spec.to_yaml())
    folder.write("spec.resolved.yaml", resolved.to_yaml())
    readers = {name: part.reader for name, part in parts.modalities.items()}
    kept = split_frame(split, source.table, parts).assign(**held_contents(source.table, readers))
    folder.write("splits.parquet", as_parquet(kept))
    folder.write_json("findings.json", {"findings": [finding.as_dict() for finding in findings]})
    folder.write_json("environment.json", environment() | {"resumes_with": told})
    folder.event({"event": "start", "rows": counts(split)})
