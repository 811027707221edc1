"""The table that a spec speaks of: read, joined, divided, and examined."""

import hashlib
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from polymodal.core import DataError, UsageProblem
from polymodal.data.base import Column, DataTable
from polymodal.data.cells import content_codes, names_or_contents
from polymodal.data.findings import Finding, Roles, examine, inseparable, refuse
from polymodal.data.joins import JoinReport, join
from polymodal.data.listing import files_beside
from polymodal.data.splits import Split, SplitPlan, strata_of
from polymodal.data.stacked import names_of_tables, renamed, stack
from polymodal.data.tables import read_table
from polymodal.model import Ensemble
from polymodal.run.division import Division, divided
from polymodal.run.settling import settle
from polymodal.spec import Parts, Spec
from polymodal.spec.sections import Join
from polymodal.tasks import Multilabel, Ordinal

__all__ = [
    "Rules",
    "Source",
    "as_parquet",
    "contents",
    "counts",
    "divide",
    "fingerprint",
    "learned_columns",
    "open_source",
    "prepare",
    "read_new",
    "read_own",
    "read_source",
    "split_frame",
    "with_absent",
]


FREE = frozenset({"ranks", "texts", "spelled", "counts", "pixels", "depths", "boxes"})
"""Kinds of answers that are no classes, however few of them there are."""


@dataclass(frozen=True)
class Source:
    """A spec whose columns and types are settled, the table it speaks of, and how the joins went."""

    spec: Spec
    table: DataTable
    joins: Sequence[JoinReport]


def open_source(spec: Spec, folder: Path) -> Source:
    """Read the table of a spec, join what is to be joined, and settle patterns of columns and automatic types.

    The paths of the settled spec are relative to `folder`, so that it can be written there and moved along.
    """
    table, joins = read_own(spec)
    names = [str(name) for name in table.frame.columns]
    return Source(_anchored(settle(spec.expanded(names), table), folder), table, joins)


def _anchored(spec: Spec, folder: Path) -> Spec:
    data = spec.to_dict()

    def relative(path: str) -> str:
        return Path(os.path.relpath(spec.path(path), folder)).as_posix()

    given = spec.data
    for part in [data["data"], *data["data"].get("tables", {}).values()]:
        if "table" in part:
            part["table"] = relative(part["table"])
        for other in part.get("join", []):
            other["table"] = relative(other["table"])
    files = str(files_beside(spec.tables[0])) if given.files is None else given.files
    data["data"]["files"] = relative(files)
    if spec.start_from is not None:
        data["model"]["start_from"] = Path(os.path.relpath(spec.start_from, folder)).as_posix()
    return spec.replaced(data, folder)


def read_own(spec: Spec, files: Path | None = None) -> tuple[DataTable, list[JoinReport]]:
    """The table of a spec, or all of its tables under one another."""
    data = spec.data
    if data.table is not None:
        return read_source(spec, spec.tables[0], files)
    if files is None:
        files = spec.path(data.files) if data.files is not None else files_beside(spec.tables[0])
    tables, reports = {}, []
    for name, each in data.tables.items():
        missing = data.missing if each.missing is None else each.missing
        table = renamed(read_table(spec.path(each.table), missing=missing, files=files), each.rename)
        tables[name], joined = _joined(spec, table, each.join, missing)
        reports += joined
    return _with_rows(stack(tables, {column: [name] for column, name in spec.asked_of.items()}, files)), reports


def read_source(spec: Spec, path: Path, files: Path | None = None) -> tuple[DataTable, list[JoinReport]]:
    """A table in the form that the spec describes: the same missing marks, files (unless given) and joins."""
    data = spec.data
    if files is None:
        files = spec.path(data.files) if data.files is not None else files_beside(path)
    table = read_table(path, missing=data.missing, files=files)
    table, reports = _joined(spec, table, data.join, data.missing)
    return _with_rows(table), reports


def _joined(
    spec: Spec, table: DataTable, others: Sequence[Join], missing: Sequence[str]
) -> tuple[DataTable, list[JoinReport]]:
    reports = []
    for other in others:
        right = read_table(spec.path(other.table), missing=missing)
        table, report = join(table, right, other.on, other.rename)
        reports.append(report)
    return table, reports


def _with_rows(table: DataTable) -> DataTable:
    if not len(table):
        raise DataError(
            "no-rows", where=table.source, expected="at least one row", found="none", remedy="check the table"
        )
    return table


def divide(source: Source, parts: Parts) -> tuple[Division, list[Finding]]:
    """The split that the spec asks for, and what is wrong with it. Raises GateError or DataError for an error."""
    data = source.spec.data
    own = {name: each.split.plan() for name, each in data.tables.items() if each.split is not None}
    rules = Rules(data.id, data.group, source.joins, data.allow, own)
    made, findings = prepare(source.table, parts, data.split.plan(), rules)
    names = names_of_tables(source.table)
    if names is None or all(each.times == 1 for each in data.tables.values()):
        return made, findings
    return replace(made, times=np.array([data.tables[name].times for name in names])), findings


@dataclass(frozen=True)
class Rules:
    """What is known of a table beside its inputs and targets: the id, the group, the joins, the findings allowed.

    `plans` are those of tables that are divided in their own way, by name.
    """

    id: str | None = None
    group: str | None = None
    joins: Sequence[JoinReport] = ()
    allow: Sequence[str] = ()
    plans: Mapping[str, SplitPlan] = field(default_factory=dict)


def prepare(table: DataTable, parts: Parts, plan: SplitPlan, rules: Rules = Rules()) -> tuple[Division, list[Finding]]:
    """Divide a table for these parts, and examine what came of it: what a spec's `data` does, for plain objects.

    Copies of a row, and files with the same content, are kept on one side; shares of classes are kept. Raises GateError
    for a leak and DataError for data that cannot be learned from, unless `rules.allow` names the code.
    """
    inputs = {name: list(part.reader.names) for name, part in parts.modalities.items()}
    targets = {
        name if place == 0 else f"{name}.{column}": column
        for name, part in parts.tasks.items()
        for place, column in enumerate(part.targets)
    }
    separators = {name: task.separator for name, task in parts.tasks.items() if isinstance(task, Multilabel)}
    orders = {name: task.order for name, task in parts.tasks.items() if isinstance(task, Ordinal)}
    hidden = {name: task.hides for name, task in parts.tasks.items()}
    lists = [name for name, task in parts.tasks.items() if task.answers in {"tokens", "token_numbers"}]
    free = [name for name, task in parts.tasks.items() if name in lists or task.answers in FREE]
    kept_out = {
        name: column
        for name, part in parts.objectives.items()
        for reader in part.reads.values()
        for column in reader.names
    }
    roles = Roles(inputs, targets, rules.id, rules.group, separators, orders, hidden, free, lists, kept_out)
    files = _files(table, parts)
    together = [] if parts.settings.together is None else [parts.settings.together]
    for name in [*together, *kept_out.values(), *[name for task in parts.tasks.values() for name in task.columns]]:
        table.column(name)  # that it is not there is said now, not when training begins or ends
    strata = strata_of(table, list(targets.values()))
    made = divided(table, plan, rules.group, inseparable(table, roles, files), strata, rules.plans)
    findings = examine(table, roles, made.split, files, rules.joins, rules.allow)
    refuse(findings, table.source)
    return made, findings


def read_new(
    spec: Spec, path: Path, readers: Mapping[str, Column[Any]], files: Path | None = None
) -> tuple[DataTable, dict[str, str]]:
    """A table that a model has not met, and the modalities of which it has no column, each with what it would need.

    Names of files are relative to `files`; unless that is given, to the folder of the table where the first file that
    is named lies there, else to the folder of the spec. Raises DataError where the table has no modality at all, or one
    only in part.
    """
    if files is not None and not files.is_dir():
        raise UsageProblem(
            "no-folder",
            where="--files",
            expected="the folder that the table's file names are relative to",
            found=f"{files}, which is no folder",
            remedy="name the folder, or leave --files out where the files lie beside the table",
        )
    table, _ = read_source(spec, path, files)
    have = set(map(str, table.frame.columns))
    absent = {name: ", ".join(part.names) for name, part in readers.items() if not have & set(part.names)}
    for name in readers.keys() - absent.keys():
        lacking = [f'"{column}"' for column in readers[name].names if column not in have]
        if lacking:
            raise DataError(
                "missing-column",
                where=table.source,
                expected=f'every column that "{name}" was trained on',
                found=f"{len(lacking)} of {len(readers[name].names)} columns are lacking: {', '.join(lacking[:5])}"
                + (" …" if len(lacking) > 5 else ""),
                remedy=f'add what is lacking, as an empty column if nothing is known, or leave "{name}" out as a whole',
            )
    if len(absent) == len(readers):
        raise DataError(
            "no-modality",
            where=table.source,
            expected=f"columns of {', '.join(f'{name} ({columns})' for name, columns in absent.items())}"[:500],
            found=f"{len(have)} columns, none of these",
            remedy="name the table that these modalities are in, or rename its columns",
        )
    if files is None and _lies_beside(table, path, readers):
        table = replace(table, files=files_beside(path))
    return with_absent(table, readers), absent


def _lies_beside(table: DataTable, path: Path, readers: Mapping[str, Column[Any]]) -> bool:
    """Whether the first file that the table names is found in the table's own folder."""
    columns = [name for part in readers.values() if part.holds_files for name in part.names if name in table.frame]
    named = (cell for name in columns for cell in names_or_contents(table.column(name), table.missing))
    first = next((cell for cell in named if isinstance(cell, str) and not Path(cell).is_absolute()), None)
    return first is not None and os.path.isfile(files_beside(path) / first)  # noqa: PTH113, for which names may be too long


def with_absent(table: DataTable, readers: Mapping[str, Column[Any]]) -> DataTable:
    """The table with empty columns for each part of which it has none: that part is absent in every row."""
    have = set(map(str, table.frame.columns))
    empty = [name for reader in readers.values() if not have & set(reader.names) for name in reader.names]
    return replace(table, frame=table.frame.assign(**dict.fromkeys(empty))) if empty else table


def _files(table: DataTable, parts: Parts) -> dict[str, list[str | bytes | None]]:
    """The file name in each row, or the file itself, for each column that holds either."""
    columns = [
        (name, column)
        for name, part in parts.modalities.items()
        if part.reader.holds_files
        for column in part.reader.names
    ]
    return {f"{name}.{column}": names_or_contents(table.column(column), table.missing) for name, column in columns}


def fingerprint(table: DataTable) -> str:
    """A sha256 of the content of a table, by which a resumed run knows its data again."""
    columns = ",".join(map(str, table.frame.columns))
    return hashlib.sha256(contents(table).tobytes() + columns.encode()).hexdigest()


def contents(table: DataTable, columns: Sequence[str] | None = None) -> np.ndarray:
    """(rows,) uint64, the same for rows that hold the same in these columns, or in all of them.

    Raises DataError for a column that is not there.
    """
    for name in columns or ():
        table.column(name)  # says what is unknown
    frame = table.frame if columns is None else table.frame[list(columns)]
    # Numbers and text are hashed as they lie, fifty times as fast as what holds objects.
    mixed = [name for name, kind in frame.dtypes.items() if pd.api.types.is_object_dtype(kind)]
    plain = frame.assign(**{str(name): content_codes(frame[name]) for name in mixed}) if mixed else frame
    return pd.util.hash_pandas_object(plain, index=False).to_numpy(dtype=np.uint64)


def split_frame(split: Split, table: DataTable, parts: Parts) -> pd.DataFrame:
    """Each row's part, and what its row holds, as splits.parquet keeps it.

    "content" is for all columns that a model learns from, "content.NAME" for those of one modality.
    """
    names, content = split.names(len(table)), contents(table, learned_columns(parts))
    frame = {"row": np.arange(len(table)), "split": names, "content": content}
    each = {f"content.{name}": contents(table, list(part.reader.names)) for name, part in parts.modalities.items()}
    return pd.DataFrame(frame | each)


def learned_columns(parts: Parts | Ensemble) -> list[str]:
    """The columns that a model learns from, inputs and targets."""
    readers = [*(part.reader for part in parts.modalities.values()), *(part.reader for part in parts.tasks.values())]
    return sorted({name for reader in readers for name in reader.names})


def as_parquet(frame: pd.DataFrame) -> bytes:
    """A table as the bytes of a Parquet file."""
    stream = io.BytesIO()
    frame.to_parquet(stream, index=False)
    return stream.getvalue()


def counts(split: Split) -> Mapping[str, int]:
    """How many rows each part has."""
    return {name: len(getattr(split, name)) for name in ("train", "validation", "test")}
