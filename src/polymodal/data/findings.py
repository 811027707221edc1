"""What is wrong with a table for the question that is asked of it, before any model is trained."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from polymodal.core import DataError, GateError, PolymodalError
from polymodal.data.base import DataTable, Rows
from polymodal.data.cells import absent, dense, holds_objects, is_number, numbers_of, parse_labels, texts
from polymodal.data.copies import GiveAway, give_aways
from polymodal.data.duplicates import repeated_rows
from polymodal.data.files import content_hashes
from polymodal.data.joins import JoinReport
from polymodal.data.kinds import infer_kind, parse_numbers, strangers
from polymodal.data.numerals import limits
from polymodal.data.splits import Split

__all__ = ["CODES", "LEAKS", "Finding", "Roles", "examine", "inseparable", "refuse"]

LEAKS = frozenset(
    {
        "group-on-both-sides", "same-file-on-both-sides", "same-row-on-both-sides", "target-among-inputs",
        "column-equals-target", "id-among-inputs",
    }
)  # fmt: skip
"""Errors that would make a result look better than it is: they close a gate (exit 8). Other errors are of the data."""

CODES = LEAKS | {
    "all-missing-column", "class-unseen-in-training", "column-decides-target", "constant-column", "few-join-matches",
    "few-rows-per-class", "group-among-inputs", "group-on-both-sides-of-validation", "infinite-values",
    "label-outside-order", "limits-among-numbers", "no-join-matches", "nuisance-among-inputs",
    "nuisance-decides-target", "nuisance-equals-target", "nuisance-unrepeated", "number-that-means-missing",
    "numbers-among-words", "one-class", "order-by-letter", "repeated-id", "same-file-on-both-sides-of-validation",
    "same-row-on-both-sides-of-validation", "unusable-values",
}  # fmt: skip
"""What a finding may be called."""

_FEW = 5  # training rows under which a class is hardly learnt
_MIXED = 0.5  # share of numbers from which a column of words was probably meant as numbers
_REPEATED = 3  # how often a value stands that is a mark and no measurement
_CLASSES = 20  # numbers with more distinct values are no classes


@dataclass(frozen=True)
class Finding:
    """One thing that was found. An error stops `fit` unless its code is allowed; a warning is only shown.

    `where` names columns, `rows` are the rows concerned (where there are such). `accepted` marks an error that was
    allowed on purpose: it stops nothing, and is never forgotten.
    """

    code: str
    severity: Literal["error", "warning"]
    where: str
    message: str
    remedy: str
    rows: Rows = field(default_factory=lambda: np.empty(0, dtype=np.int64), compare=False)
    accepted: bool = False

    def as_dict(self) -> dict[str, str | bool]:
        """As JSON data, without the rows."""
        told = {"code": self.code, "severity": self.severity, "where": self.where, "message": self.message}
        return {**told, "do": self.remedy, "accepted": self.accepted}

    def as_error(self, source: str) -> PolymodalError:
        """The same as an error that can be raised: GateError for a leak, DataError for the rest."""
        kind = GateError if self.code in LEAKS else DataError
        # Of one class nothing can be learned, accepted or not.
        accept = "" if self.code == "one-class" else f", or accept it with data.allow: [{self.code}]"
        remedy = self.remedy + accept
        expected = "no leak" if self.code in LEAKS else "data that can be learned from"
        return kind(self.code, where=f"{source}, {self.where}", expected=expected, found=self.message, remedy=remedy)


@dataclass(frozen=True)
class Roles:
    """What the columns are for: `inputs` by modality, `targets` by task, the id, the group.

    `separators`, by task, part the labels of a target that holds several in one cell. `orders` are the grades of tasks
    on a scale, None where no order was given. `hidden` are the modalities that a task does not see. `free` are tasks
    whose targets are no classes and no numbers: texts, pictures. Each row of those in `lists` holds many answers.
    `kept_out`, by objective, are columns that the model must not tell.
    """

    inputs: Mapping[str, Sequence[str]]
    targets: Mapping[str, str]
    id: str | None = None
    group: str | None = None
    separators: Mapping[str, str] = field(default_factory=dict)
    orders: Mapping[str, Sequence[str] | None] = field(default_factory=dict)
    hidden: Mapping[str, Collection[str]] = field(default_factory=dict)
    free: Collection[str] = ()
    lists: Collection[str] = ()
    kept_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """Every input column once."""
        return list(dict.fromkeys(name for names in self.inputs.values() for name in names))


def examine(
    table: DataTable,
    roles: Roles,
    split: Split,
    files: Mapping[str, Sequence[str | bytes | None]] | None = None,
    joins: Sequence[JoinReport] = (),
    allow: Collection[str] = (),
) -> list[Finding]:
    """Everything worth knowing, errors first. Of what `allow` names, errors are marked as accepted, warnings left out.

    `files` maps a modality to the file name in each row, relative to `table.files`, or its content (None = none);
    files are compared by content.
    """
    found = [
        *_columns_misused(table, roles),
        *_kept_out(table, roles),
        *_targets(table, roles, split),
        *_both_sides(table, roles, split, files or {}),
        *_inputs(table, roles, split),
        *_joins(joins),
    ]
    told = [replace(one, accepted=one.code in allow) for one in found]
    kept = (one for one in told if one.severity == "error" or not one.accepted)
    return sorted(kept, key=lambda one: one.severity != "error")


def inseparable(
    table: DataTable, roles: Roles, files: Mapping[str, Sequence[str | bytes | None]] | None = None
) -> list[np.ndarray]:
    """Keys (n,) of rows that a split must not part: copies of one another, or files with the same content; -1 = none.

    What `make_split` takes as `together`, so that a random split never has to be refused.
    """
    shared = [_same_files(table, names) for names in (files or {}).values()]
    return [repeated_rows(table, _described_by(roles)), *shared]


def refuse(findings: Sequence[Finding], source: str = "table") -> None:
    """Raise every error among the findings as one: a leak closes the gate (exit 8), anything else is exit 4.

    Errors of the data come first, for they have to be mended before a leak can be judged.
    """
    stopping = [finding for finding in findings if finding.severity == "error" and not finding.accepted]
    errors = [finding.as_error(source) for finding in stopping]
    if errors:
        raise PolymodalError.joined(sorted(errors, key=lambda error: isinstance(error, GateError)))


def _columns_misused(table: DataTable, roles: Roles) -> Iterator[Finding]:
    targets = set(roles.targets.values())
    for modality, names in roles.inputs.items():
        seen = {target: task for task, target in roles.targets.items() if modality not in roles.hidden.get(task, ())}
        for name in names:
            where = f'column "{name}" of modality "{modality}"'
            if name in seen:
                found = f'what task "{seen[name]}" is to predict is among its inputs'
                remedy = f"take it out of the modality; a task that writes or draws may hide it (hides: [{modality}])"
                yield Finding("target-among-inputs", "error", where, found, remedy)
            elif name == roles.id:
                yield Finding("id-among-inputs", "error", where, "the id is an input", "take it out of the modality")
            elif name == roles.group:
                found = "the group is an input, but in the test rows every group is new"
                yield Finding("group-among-inputs", "warning", where, found, "take it out of the modality")
    if roles.id is not None and roles.group is None:
        labels = pd.Series(parse_labels(table.column(roles.id), table.missing), dtype=object).dropna()
        again = labels[labels.duplicated(keep=False)]
        if len(again):
            rows = again.index.to_numpy(dtype=np.int64)
            found = f"{again.nunique()} ids stand in {len(again)} rows, so that one of them may be on both sides"
            remedy = f'name it as data.group, too ("{roles.id}"), or mend the ids'
            yield Finding("repeated-id", "warning", f'id column "{roles.id}"', found, remedy, rows)
    others = [name for name in roles.columns if name not in targets and name != roles.id]
    yield from map(_given_away, give_aways(table, others, roles.targets))


def _given_away(found: GiveAway) -> Finding:
    where = f'columns "{found.column}" and "{found.target}"'
    remedy = f'take "{found.column}" out of the inputs'
    if found.how in {"rounded", "decides"}:
        return Finding("column-decides-target", "warning", where, found.sentence, remedy)
    return Finding("column-equals-target", "error", where, found.sentence, remedy)


def _kept_out(table: DataTable, roles: Roles) -> Iterator[Finding]:
    """Columns that are to be kept out of a model that is given them, or asked for them."""
    for objective, name in roles.kept_out.items():
        where, remedy = f'column "{name}" of objective "{objective}"', "take the objective out, or the task"
        if name in roles.columns:
            found = "what the model must not tell is among its inputs"
            yield Finding("nuisance-among-inputs", "warning", where, found, f'take "{name}" out of the inputs')
        copies = [found for found in give_aways(table, [name], roles.targets) if name not in roles.targets.values()]
        if name in roles.targets.values() or any(found.how not in {"rounded", "decides"} for found in copies):
            found = "what the model must not tell is what a task is to predict"
            yield Finding("nuisance-equals-target", "error", where, found, remedy)
        elif copies:
            yield Finding("nuisance-decides-target", "warning", where, copies[0].sentence, remedy)
        labels = pd.Series(parse_labels(table.column(name), table.missing), dtype=object).dropna()
        if labels.is_unique and len(labels) > 1 and parse_numbers(labels)[1].any():
            found = f"each of its {len(labels):,} values stands in one row: nothing can be learned or judged by it"
            yield Finding("nuisance-unrepeated", "warning", where, found, "name what rows share: a site, a speaker")


def _targets(table: DataTable, roles: Roles, split: Split) -> Iterator[Finding]:
    for task, name in roles.targets.items():
        where = f'target "{name}" of task "{task}"'
        labels = pd.Series(parse_labels(table.column(name), table.missing), dtype=object)
        train, test = labels.iloc[split.train].dropna(), labels.iloc[split.test].dropna()
        remedy = "check the column and the split, or take the task out"
        if train.nunique() < (1 if task in roles.lists else 2):
            found = "no training row is labelled" if train.empty else f'every training row is "{train.iloc[0][:80]}"'
            yield Finding("one-class", "error", where, found, remedy)
        elif task in roles.free:
            continue
        elif labels.nunique() <= _CLASSES or not _numeric(table.column(name)):
            parts = [_single(part, roles.separators.get(task)) for part in (train, test)]
            yield from _classes(where, *parts)
        else:
            yield from _numbers(table.column(name), where, table.missing)
        if task in roles.orders:
            yield from _grades(where, labels, roles.orders[task])


def _grades(where: str, labels: pd.Series, order: Sequence[str] | None) -> Iterator[Finding]:
    grades = sorted(map(str, labels.dropna().unique()))
    if order is not None:
        strange = labels[labels.notna() & ~labels.isin([str(grade) for grade in order])]
        if len(strange):
            found = f"grades that order does not list, so that {len(strange)} rows are unlabelled: "
            found += _listed(sorted(strange.unique()))
            rows = strange.index.to_numpy(dtype=np.int64)
            yield Finding("label-outside-order", "warning", where, found, "list all grades from low to high", rows)
    elif pd.to_numeric(pd.Series(grades), errors="coerce").isna().any():
        found = f"grades are words, put in order by letter: {' < '.join(grades[:6])}{' < …' * (len(grades) > 6)}"
        yield Finding("order-by-letter", "warning", where, found, "list them from low to high under order")


def _single(labels: pd.Series, separator: str | None) -> pd.Series:
    """Labels one by one, each at the index of its row."""
    if separator is None:
        return labels
    single = labels.str.split(separator, regex=False).explode().str.strip()
    return single[single != ""]


def _numeric(series: pd.Series) -> bool:
    series = dense(series)
    return is_number(series) or pd.to_numeric(series, errors="coerce").notna().mean() > 0.5


def _classes(where: str, train: pd.Series, test: pd.Series) -> Iterator[Finding]:
    counts = train.value_counts()
    rare = counts[counts < _FEW]
    if len(rare):
        shown = _listed(f"{name} ({many})" for name, many in rare.items())
        found = f"classes with fewer than {_FEW} training rows: {shown}"
        yield Finding("few-rows-per-class", "warning", where, found, "give more rows of them, or join classes")
    unseen = test[~test.isin(counts.index)]
    if len(unseen):
        found = f"classes in the test rows that no training row has: {_listed(sorted(unseen.unique()))}"
        rows = unseen.index.to_numpy(dtype=np.int64)
        yield Finding("class-unseen-in-training", "warning", where, found, "change the split", rows)


def _both_sides(
    table: DataTable, roles: Roles, split: Split, files: Mapping[str, Sequence[str | bytes | None]]
) -> Iterator[Finding]:
    if roles.group is not None:
        groups = pd.factorize(parse_labels(table.column(roles.group), table.missing))[0]
        where = f'group column "{roles.group}"'
        yield from _straddling("group-on-both-sides", where, ("group", "groups"), groups, split)
    for modality, names in files.items():
        where = f'files of modality "{modality}"'
        keys = _same_files(table, names)
        yield from _straddling("same-file-on-both-sides", where, ("file content", "file contents"), keys, split)
    rows = repeated_rows(table, _described_by(roles))
    yield from _straddling("same-row-on-both-sides", "all inputs", ("row", "rows, repeated,"), rows, split)


def _described_by(roles: Roles) -> list[str]:
    return [name for name in roles.columns if name not in {*roles.targets.values(), roles.id, roles.group}]


def _same_files(table: DataTable, names: Sequence[str | bytes | None]) -> np.ndarray:
    content = content_hashes(table.files, [name or "" for name in names])
    return pd.factorize(pd.Series(content, dtype=object).replace("", None))[0].astype(np.int64)


def _straddling(code: str, where: str, nouns: tuple[str, str], keys: np.ndarray, split: Split) -> Iterator[Finding]:
    parts = {"training": split.train, "validation": split.validation, "test": split.test}
    for learned, held in (("training", "test"), ("validation", "test"), ("training", "validation")):
        shared = np.intersect1d(keys[parts[learned]], keys[parts[held]])
        shared = shared[shared >= 0]
        if len(shared):
            rows = parts[held][np.isin(keys[parts[held]], shared)]
            # Rows seen twice by training and validation only stop training late; the test stays honest.
            severity: Literal["error", "warning"] = "error" if held == "test" else "warning"
            what = f"1 {nouns[0]} stands" if len(shared) == 1 else f"{len(shared)} {nouns[1]} stand"
            found = f"{what} in {learned} and in {held} ({len(rows)} {'row' if len(rows) == 1 else 'rows'} of {held})"
            remedy = "keep them on one side (data.group, or another split)"
            yield Finding(code if held == "test" else f"{code}-of-validation", severity, where, found, remedy, rows)


def _inputs(table: DataTable, roles: Roles, split: Split) -> Iterator[Finding]:
    for name in roles.columns:
        series = table.column(name)
        if holds_objects(series):
            continue
        empty = absent(series, table.missing)
        where = f'column "{name}"'
        known = series[split.train][~empty[split.train]]
        if len(known) == 0:
            found = "no row has a value" if empty.all() else "no training row has a value"
            yield Finding("all-missing-column", "warning", where, found, "leave it out")
        elif known.nunique() == 1:
            found = "every training row that has a value has the same"
            yield Finding("constant-column", "warning", where, found, "leave it out")
        yield from _mixed(series.iloc[split.train], where, table.missing)
        yield from _numbers(series, where, table.missing)


def _numbers(series: pd.Series, where: str, missing: Sequence[str]) -> Iterator[Finding]:
    """What is odd among numbers; among words and texts, "inf" is a word."""
    kind = infer_kind(series, missing)
    if kind.name != "number":
        return
    infinite = _infinite(series)
    if len(infinite):
        found = f"{len(infinite)} infinite values; they count as missing"
        yield Finding("infinite-values", "warning", where, found, "mend them at their source", infinite)
    series = dense(series)
    beyond = np.zeros(len(series), dtype=bool) if is_number(series) else limits(texts(series))
    rows = np.flatnonzero(beyond & ~absent(series, missing))
    if len(rows):
        found = f'{len(rows)} cells are limits, such as "{series.iloc[rows[0]]}": each is read as the limit itself'
        yield Finding("limits-among-numbers", "warning", where, found, "name them in data.missing to leave them", rows)
    numbers = parse_numbers(series, kind, missing)[0]
    for code in _marks_of_absence(numbers[np.isfinite(numbers)]):
        rows = np.flatnonzero(numbers == code)
        found = f"{code:g} stands in {len(rows)} rows, far from every other value"
        remedy = f'if it means that there is none, add "{code:g}" to data.missing'
        yield Finding("number-that-means-missing", "warning", where, found, remedy, rows)


def _marks_of_absence(known: np.ndarray) -> Iterator[float]:
    """Repeated values such as -999 or 8888 that lie further from the rest than twice the width of the rest."""
    values, counts = np.unique(known, return_counts=True)
    if len(values) < 3:  # also where every number is infinite, and so none is known
        return
    marks = np.array([re.fullmatch(r"-?(9{2,}|8{2,})", f"{value:.0f}") is not None for value in values[[0, -1]]])
    for place, rest in ((0, values[1:]), (-1, values[:-1])):
        whole = marks[place] and values[place] == round(values[place])
        if whole and counts[place] >= _REPEATED and len(rest) > 1:
            rest = rest[np.abs(rest) < abs(values[place])]
            if len(rest) > 1 and np.abs(rest - values[place]).min() > 2 * (rest[-1] - rest[0]):
                yield float(values[place])


def _infinite(series: pd.Series) -> Rows:
    series = dense(series)
    if is_number(series):
        return np.flatnonzero(np.isinf(numbers_of(series)))
    words = pa.array(["inf", "-inf", "+inf", "infinity", "-infinity"], pa.large_string())
    found = pc.is_in(pc.utf8_lower(texts(series)), value_set=words)
    return np.flatnonzero(found.to_numpy(zero_copy_only=False))


def _mixed(series: pd.Series, where: str, missing: Sequence[str]) -> Iterator[Finding]:
    """Numbers that a few words among them turn into words."""
    share, others = strangers(series, missing)
    if not _MIXED <= share < 1 or infer_kind(series, missing).name not in {"text", "category", "identifier"}:
        return
    shown = ", ".join(f'"{word[:20]}"' for word in others[:4])
    found = f"{share:.0%} of the training cells are numbers; the others ({shown}) make all of them words"
    yield Finding("numbers-among-words", "warning", where, found, "write numbers alone, or name these in data.missing")


def _joins(joins: Sequence[JoinReport]) -> Iterator[Finding]:
    for one in joins:
        rows = one.matched + one.unmatched
        if one.matched >= 0.5 * rows:
            continue
        found = f"only {one.matched} of {rows} rows have a partner in {one.table}; {one.unused} of its rows go unused"
        code = "few-join-matches" if one.matched else "no-join-matches"
        remedy = "check that both columns hold the same ids, written the same way"
        yield Finding(code, "warning" if one.matched else "error", f'join by "{one.on}"', found, remedy)


def _listed(names: Iterable[object]) -> str:
    shown = [str(name) for name in names]
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")
