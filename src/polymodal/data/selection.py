"""Names of columns, and patterns such as `csf_*` that stand for several."""

from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase

from polymodal.core import DataError, did_you_mean

__all__ = ["expand_columns"]


def expand_columns(
    wanted: Sequence[str], names: Sequence[str], reserved: Collection[str] = (), where: str = "columns"
) -> list[str]:
    """The columns that a list of names and patterns means, in the order of the list and then of the table.

    A pattern (`*`, `?`, `[…]`) passes over the `reserved` columns: targets, ids, groups. A column that is named in full
    is always meant. Raises DataError, all of them at once, for names and patterns that meet nothing.

    >>> expand_columns(["sex", "csf_*"], ["csf_tau", "age", "sex", "csf_abeta"])
    ['sex', 'csf_tau', 'csf_abeta']
    """
    known, made, problems = set(names), {}, []
    for entry in wanted:
        met = [entry] if entry in known else _matches(entry, names, reserved)
        made.update(dict.fromkeys(met))
        if not met:
            problems.append(_unmatched(entry, names, where))
    if problems:
        raise DataError.joined(problems)
    return list(made)


def _matches(entry: str, names: Sequence[str], reserved: Collection[str]) -> list[str]:
    if not any(sign in entry for sign in "*?["):
        return []
    return [name for name in names if name not in reserved and fnmatchcase(name, entry)]


def _unmatched(entry: str, names: Sequence[str], where: str) -> DataError:
    pattern = any(sign in entry for sign in "*?[")
    return DataError(
        "unknown-column",
        where=where,
        expected=f'columns that match "{entry}"' if pattern else f'a column "{entry}"',
        found=f"{len(names)} columns without it",
        remedy="change the pattern or leave it out" if pattern else did_you_mean(entry, names),
    )
