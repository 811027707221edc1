"""The verbs of a run folder: fit, evaluate, predict."""

import os
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from polymodal import bundle
from polymodal.core import DamagedError, DataError, Refusal, SpecError, UsageProblem
from polymodal.data.base import Column, DataTable
from polymodal.data.ledger import Ledger
from polymodal.data.splits import Split
from polymodal.model import Ensemble
from polymodal.run.drawing import drawn, is_drawn
from polymodal.run.fitting import Fitted, read_samples
from polymodal.run.folder import Folder
from polymodal.run.judging import decoded_columns, group_labels, judge, predictions, unanswered
from polymodal.run.launching import Lesson, Progress, Run, launch
from polymodal.run.tables import (
    as_parquet,
    contents,
    counts,
    fingerprint,
    learned_columns,
    read_new,
    read_own,
    with_absent,
)
from polymodal.spec import Spec
from polymodal.training.checkpoints import resources_checked
from polymodal.training.predicting import outputs

__all__ = ["answers_nothing", "evaluate", "fit", "open_run", "opened_table", "predict"]


def fit(
    spec: Spec,
    out: Path,
    *,
    resume: bool = False,
    progress: Progress | None = None,
    command: str | None = None,
    lesson: Lesson | None = None,
) -> dict[str, Any]:
    """Train what a spec describes into the folder `out`, judge it on the test rows, and say how it went.

    Returns what `fit --json` prints: rows, the tasks with their figures, findings about the table, and how many values
    were "refused". `resume` goes on with an interrupted run; it ends with the same weights as one
    that was not. `command` is the command line that asked for it, which metrics.json keeps. `lesson` may leave tasks
    out; the rows are divided as for all of them. Raises the errors of core.errors: SpecError, DataError, GateError,
    DivergedError, ResourceError.
    """
    if not spec.tasks:
        raise SpecError(
            "no-task",
            where=spec.source.name,
            expected="a section tasks",
            found="none",
            remedy="add one, or learn by objectives alone with polymodal pretrain",
        )
    began = time.monotonic()
    folder = Folder(out)
    with folder.hold(resume):
        run = launch(folder, spec, progress, lesson=lesson or Lesson())
        return _finish(run, time.monotonic() - began, command)


def evaluate(run: Path, data: Path | None = None, files: Path | None = None) -> dict[str, Any]:
    """Judge a run on its own test rows, or on every row of another table. Returns what `evaluate --json` prints.

    `files` is the folder that names of files are relative to. "refused" counts the values of these rows that could not
    be used, "reasons" holds the first reason for each column, "absent" names modalities of which another table has no
    column, "taught" counts rows that hold the same as a row that the model learned from, and "files" is the folder that
    files were looked for in. Raises DataError where no row has an answer to judge by.
    """
    began = time.monotonic()
    opened = open_run(run, data, files)
    fitted, rows = opened.fitted, opened.fitted.split.test
    refused = [refusal for refusal in fitted.samples.refusals() if refusal.row in set(rows.tolist())]
    made = outputs(fitted.model, fitted.samples, rows, refused=refused.append)
    judged = judge(fitted, rows, group_labels(fitted, opened.spec.data.group), made)
    if not any(entry["n"] for entry in judged.values()):
        raise _nothing_to_judge(fitted)
    told = _summary(run, fitted.split, judged, time.monotonic() - began)
    told |= _lost(refused) | {"absent": dict(opened.absent)}
    return told if data is None else told | {"taught": _taught(run, opened)} | _opened_in(fitted.table, fitted.model)


def predict(run: Path, data: Path, out: Path, files: Path | None = None, *, overwrite: bool = False) -> dict[str, Any]:
    """Write what a run's model says of each row of a table to `out`: csv, tsv, parquet, feather or jsonl by its name.

    A modality of which the table has no column is absent in every row, and named under "absent". Names of files are
    relative to `files`, or to the table's folder where they are found there, or to that of the spec: "files" says to
    which. Values that could not be used go to a file of the same name with .errors.jsonl at its end, and are counted
    under "refused"; "unanswered" counts, by task, rows that have nothing of what it speaks of, whose cells are empty.
    Pictures that are drawn go to a folder of the same name with .pictures at its end. Tasks that look
    things up, and so predict nothing of a row, stand under "not_predicted". A file that is there already is replaced
    only with `overwrite`.
    """
    began = time.monotonic()
    write = _writer(out, data, overwrite)
    spec, loaded = _load_answering(run)
    table, absent = read_new(spec, data, _readers(loaded.model), files)
    samples = read_samples(table, loaded.model, targets=())
    refused = samples.refusals()
    made = outputs(loaded.model, samples, np.arange(len(table)), refused=refused.append)
    columns: dict[str, Any] = {"row": np.arange(len(table))}
    if spec.data.id is not None and spec.data.id in table.frame.columns:
        columns["id"] = table.column(spec.data.id)
    found = {name: task.decode(made[name]) for name, task in loaded.model.tasks.items()}
    lacking = {name: unanswered(task, samples) for name, task in loaded.model.tasks.items()}
    pictured = {name for name, decoded in found.items() if is_drawn(loaded.model.tasks[name], decoded)}
    silent = [name for name, decoded in found.items() if decoded.prediction.ndim == 3 and name not in pictured]
    with resources_checked(out):
        for name, decoded in found.items():
            beside = out.with_name(f"{out.name}.pictures")
            if name in pictured:
                columns |= drawn(name, decoded.prediction, beside, ~lacking[name])
            else:
                columns |= decoded_columns(name, decoded, lacking[name])
        write(pd.DataFrame(columns))
        if refused:
            errors = out.with_name(f"{out.name}.errors.jsonl")
            errors.unlink(missing_ok=True)
            Ledger(errors).add(refused)
    seconds = round(time.monotonic() - began, 3)
    summary = {"run": str(run), "seconds": seconds, "rows": len(table), "file": str(out)}
    summary |= _lost(refused) | {"absent": absent, "not_predicted": silent}
    summary["unanswered"] = {name: int(rows.sum()) for name, rows in lacking.items() if rows.any()}
    return summary | _opened_in(table, loaded.model)


def _opened_in(table: DataTable, model: Ensemble) -> dict[str, Any]:
    """The folder that files were looked for in, where the table names any."""
    named = any(part.reader.holds_files for part in model.modalities.values())
    return {"files": str(table.files)} if named and table.files is not None else {}


def _nothing_to_judge(fitted: Fitted) -> DataError:
    targets = sorted({name for task in fitted.model.tasks.values() for name in task.targets})
    return DataError(
        "nothing-to-judge",
        where=fitted.table.source,
        expected="rows with an answer to judge by, in " + ", ".join(f'"{name}"' for name in targets),
        found=f"none among {len(fitted.split.test):,} rows",
        remedy="give a table with answers, or take `predict` for one without",
    )


def open_run(run: Path, data: Path | None = None, files: Path | None = None) -> Run:
    """A finished run with its model and data. With `data`, that table takes the place of the run's and is all test.

    Raises UsageProblem where there is no run, or one that has no task and can only be started from.
    """
    spec, loaded = _load_answering(run)
    absent: Mapping[str, str] = {}
    if data is None:
        table = _own_table(spec, files)
        split = _read_split(run, table)
    else:
        table, absent = read_new(spec, data, _readers(loaded.model), files)
        table = _with_targets(table, loaded.model)
        nothing = np.empty(0, dtype=np.int64)
        split = Split(nothing, nothing, np.arange(len(table), dtype=np.int64))
    fitted = Fitted(loaded.model, read_samples(table, loaded.model), split, table)
    return Run(Folder(run), spec, fitted, absent)


def _lost(refused: Sequence[Refusal]) -> dict[str, Any]:
    """How many values could not be used, and for each column why the first could not."""
    reasons = {refusal.column: refusal.reason for refusal in reversed(refused)}
    return {"refused": len(refused), "reasons": reasons}


def _taught(run: Path, opened: Run) -> int:
    """How many rows of the table hold the same as a training or validation row of the run, as far as it has kept that.

    A table without one of the columns, or with other types than the run's, has no such row.
    """
    table, columns = opened.fitted.table, learned_columns(opened.fitted.model)
    if not (run / "splits.parquet").is_file() or not set(columns) <= set(map(str, table.frame.columns)):
        return 0
    kept = _splits(run)
    return int(np.isin(contents(table, columns), kept["content"][kept["split"].isin(["train", "validation"])]).sum())


def opened_table(run: Path, data: Path | None = None, files: Path | None = None) -> tuple[Spec, Ensemble, DataTable]:
    """The spec and the model of a finished run, and the table that it was made from, or another one."""
    spec, loaded = _load(run)
    if data is not None:
        return spec, loaded.model, read_new(spec, data, _readers(loaded.model), files)[0]
    return spec, loaded.model, _own_table(spec, files)


def _own_table(spec: Spec, files: Path | None) -> DataTable:
    for path in spec.tables:
        if not path.exists():
            raise DataError(
                "no-such-table",
                where=os.path.normpath(path),
                expected="the table that the run was made from",
                found="no such file",
                remedy="put it back, here or where the run folder can see it as before, or name a table with --data",
            )
    return read_own(spec, files)[0]


def _with_targets(table: DataTable, model: Ensemble) -> DataTable:
    """The table with an empty column for each task that it has no labels of. Raises DataError where it has none."""
    targets = {name: task.target for name, task in model.tasks.items() if task.target is not None}
    if targets and not set(map(str, table.frame.columns)) & set(targets.values()):
        raise DataError(
            "no-target",
            where=table.source,
            expected=f"a column of labels: {', '.join(targets.values())}",
            found="none of them",
            remedy="add labels to judge by, or use polymodal predict, which needs none",
        )
    return with_absent(table, {name: task.reader for name, task in model.tasks.items()})


def _readers(model: Ensemble) -> dict[str, Column[Any]]:
    return {name: part.reader for name, part in model.modalities.items()}


def _finish(run: Run, seconds: float, command: str | None) -> dict[str, Any]:
    """Judge, save the model, write predictions and metrics."""
    folder, fitted, data = run.folder, run.fitted, run.spec.data
    table, made = predictions(fitted, fitted.split.test, data.id, lambda refusal: folder.refuse([refusal]))
    judged = judge(fitted, fitted.split.test, group_labels(fitted, data.group), made)
    summary = _summary(folder.path, fitted.split, judged, seconds) | _lost(folder.refused())
    summary |= folder.read_json("findings.json")
    bundle.save(folder.path / "model", fitted.model, run.spec.resolved().to_dict(), bundle.card(fitted.model, summary))
    folder.write("predictions.parquet", as_parquet(table))
    name = folder.path.resolve().name
    made_by = command or shlex.join(["polymodal", "fit", "spec.yaml", "--out", name])
    folder.write_json("metrics.json", {"version": 1} | summary | {"run": name, "command": made_by})
    folder.event({"event": "finish", "seconds": round(seconds, 3)})
    return summary


def _summary(run: Path, split: Split, judged: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    return {"run": str(run), "seconds": round(seconds, 3), "rows": counts(split), "tasks": dict(judged)}


def _load(run: Path) -> tuple[Spec, bundle.Bundle]:
    if not run.is_dir():
        raise UsageProblem(
            "no-run", where=str(run), expected="a run folder", found="none", remedy='make one with "polymodal fit"'
        )
    if not (run / "model").is_dir():
        raise DamagedError(
            "no-model",
            where=str(run / "model"),
            expected="a saved model",
            found="none: the run did not finish",
            remedy="finish it with polymodal fit --resume",
        )
    loaded = bundle.load(run / "model")
    return Spec.from_dict(loaded.spec, run), loaded


def _load_answering(run: Path) -> tuple[Spec, bundle.Bundle]:
    """The same, of a run that answers something."""
    spec, loaded = _load(run)
    if not loaded.model.tasks:
        raise answers_nothing(run)
    return spec, loaded


def answers_nothing(run: Path) -> UsageProblem:
    """What is wrong with asking a run that learned without tasks."""
    return UsageProblem(
        "no-task",
        where=str(run),
        expected="a run with tasks",
        found="one that learned by objectives alone and answers nothing",
        remedy=f"learn tasks from it: polymodal fit with model: {{start_from: {run}}} in the spec",
    )


def _read_split(run: Path, table: DataTable) -> Split:
    folder = Folder(run)
    for name in ("splits.parquet", "environment.json"):
        if not (run / name).is_file():
            raise DamagedError(
                "missing-file",
                where=str(run / name),
                expected="the file that fit wrote",
                found="none",
                remedy="name a table with --data, or train again",
            )
    names = _splits(run)["split"].to_numpy()
    known = folder.read_json("environment.json").get("resumes_with", {}).get("table")
    if len(names) != len(table) or known != fingerprint(table):
        # The split is known by place: of another table, or of the same in another order, it says nothing.
        raise UsageProblem(
            "table-changed",
            where=table.source,
            expected=f"the table that the run was made from, its {len(names)} rows in their order",
            found=f"{len(table)} rows" if len(names) != len(table) else "other values, or another order of rows",
            remedy="put the table back, or name one with --data to judge the model on other rows",
        )
    return Split(*(np.flatnonzero(names == name) for name in ("train", "validation", "test")))


def _splits(run: Path) -> pd.DataFrame:
    """splits.parquet of a run. Raises DamagedError where it is not what `fit` wrote."""
    try:
        kept = pd.read_parquet(run / "splits.parquet")
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _broken(run / "splits.parquet", "a Parquet file") from error
    if not {"split", "content"} <= set(kept.columns):
        raise _broken(run / "splits.parquet", 'the columns "split" and "content"')
    return kept


def _broken(path: Path, expected: str) -> DamagedError:
    return DamagedError(
        "damaged-file",
        where=str(path),
        expected=expected,
        found="something else: the file was changed or cut off",
        remedy="take it from a backup, name a table with --data, or train again",
    )


def _writer(out: Path, data: Path, overwrite: bool) -> Callable[[pd.DataFrame], None]:
    """What writes predictions to `out`. Raises UsageProblem where they cannot go there, or would replace a file."""
    if not out.parent.is_dir():
        raise UsageProblem(
            "no-folder",
            where=str(out.parent),
            expected="a folder for the predictions",
            found="none",
            remedy="make it, or choose another --out",
        )
    if out.resolve() == data.resolve():
        raise UsageProblem(
            "output-is-input",
            where=str(out),
            expected="a file of its own",
            found="the table",
            remedy="choose another --out",
        )
    if out.exists() and not overwrite:
        raise UsageProblem(
            "output-exists",
            where=str(out),
            expected="a file that is not there yet",
            found="a folder" if out.is_dir() else "a file",
            remedy="choose another --out, or replace a file with --overwrite",
        )
    suffix = out.suffix.lower()
    known: dict[str, Callable[[pd.DataFrame], None]] = {
        ".csv": lambda frame: frame.to_csv(out, index=False),
        ".tsv": lambda frame: frame.to_csv(out, index=False, sep="\t"),
        ".parquet": lambda frame: frame.to_parquet(out, index=False),
        ".feather": lambda frame: frame.to_feather(out),
        ".jsonl": lambda frame: frame.to_json(out, orient="records", lines=True, force_ascii=False),
    }
    if suffix not in known:
        raise UsageProblem(
            "unknown-format",
            where=str(out),
            expected=f"a name that ends in {', '.join(known)}",
            found=f'"{suffix}"',
            remedy="rename --out",
        )
    return known[suffix]
