"""Genes that belong together, read from a file, and the names that genes go by."""

import re
from collections.abc import Sequence

from polymodal.core import DataError
from polymodal.data.base import DataTable
from polymodal.data.files import Folder, Limits

__all__ = ["read_sets", "symbols"]

_BETWEEN = re.compile(r"[_.:|]")


def symbols(names: Sequence[str]) -> list[str]:
    """The names of genes without what all of them have in common before or behind a sign such as "_".

    >>> symbols(["TP53_rnaseq", "ABL1_rnaseq"])
    ['TP53', 'ABL1']
    """
    if len(names) < 2:
        return list(names)
    first = names[0]
    heads = [sign.end() for sign in _BETWEEN.finditer(first)]
    before = max((end for end in heads if all(name.startswith(first[:end]) for name in names)), default=0)
    tails = [sign.start() for sign in _BETWEEN.finditer(first, before)]
    behind = [start for start in tails if all(name.endswith(first[start:]) for name in names)]
    cut = len(first) - behind[0] if behind else 0
    return [name[before : len(name) - cut] for name in names]


def read_sets(table: DataTable, name: str) -> dict[str, list[str]]:
    """Sets of genes by name, out of a GMT file below the data folder: name, description and genes, parted by tabs.

    Raises DataError, with the line, for what is no such file.
    """
    if table.files is None:
        raise _bad_sets(name, "no folder that it is relative to (data.files in a spec, files= in Python)")
    try:
        lines = Folder(table.files).read(name, Limits()).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise _bad_sets(name, "a file that is no text") from error
    found: dict[str, list[str]] = {}
    for number, line in enumerate(lines, start=1):
        words = [word.strip() for word in line.split("\t")]
        if not any(words):
            continue
        if len(words) < 3 or not words[0] or words[0] in found:
            what = "a set that was there before" if words[0] in found else f"{len(words)} columns"
            raise _bad_sets(f"{name}:{number}", what)
        found[words[0]] = list(dict.fromkeys(word for word in words[2:] if word))
    return found


def _bad_sets(where: str, found: str) -> DataError:
    return DataError(
        "bad-gene-sets",
        where=where,
        expected="in each line, parted by tabs: the name of a set, a description, and its genes",
        found=found,
        remedy="give a GMT file",
    )
