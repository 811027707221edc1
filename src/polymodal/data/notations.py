"""Columns of text that are written in a notation of their own: molecules as SMILES, proteins by their amino acids."""

import re
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from polymodal.data.cells import parse_labels
from polymodal.data.compounds import is_molfile

__all__ = ["Notation", "notation_of"]

Notation = Literal["molecule", "protein"]

_LOOKED_AT = 500  # distinct values
_LETTERS = 2_000
_ENOUGH = 0.9
_RESIDUES = re.compile(r"[ACDEFGHIKLMNPQRSTVWYBJOUXZ]{20,}\*?")
_VARIETY = 8  # kinds of amino acids in a protein; words that are one letter drawn out, and nucleic acids, have fewer
_SMILES = re.compile(r"(?:Cl|Br|[BCNOPSFIbcnops]|\[[^\[\]\s]{1,20}\]|[-=#$:/\\.()%0-9*])+")
_BRACKETS = re.compile(r"\[[^\]]*\]")
_BONDS = re.compile(r"[=#()\[\]1-9]")
"""Signs that chains of letters do not have: of 20 names of people none, of 20 drugs all."""


def notation_of(series: pd.Series, missing: Sequence[str] = ("",)) -> Notation | None:
    """What nearly all values of a column spell, where it is more than words; None for everything else.

    Nothing is parsed: a value that looks like a molecule may still be none. Nucleic acids are not taken for proteins,
    though their letters are those of amino acids, too.
    """
    labels = parse_labels(series, missing)
    known = list(dict.fromkeys(label for label in labels if label is not None))
    some = known[:: max(1, len(known) // _LOOKED_AT)]
    if len(some) < 3:
        return None
    if np.mean([_spells_protein(label) for label in some]) >= _ENOUGH:
        return "protein"
    if np.mean([is_molfile(label) for label in some]) >= _ENOUGH:
        return "molecule"
    if np.mean([_spells_molecule(label) for label in some]) < _ENOUGH:
        return None
    return "molecule" if np.mean([_BONDS.search(label[:_LETTERS]) is not None for label in some]) >= 0.5 else None


def _spells_protein(label: str) -> bool:
    return _RESIDUES.fullmatch(label[:_LETTERS]) is not None and len(set(label[:_LETTERS])) >= _VARIETY


def _spells_molecule(label: str) -> bool:
    """Atoms and bonds and nothing else, carbon among them, every bracket and every ring closed."""
    written = label[:_LETTERS]
    if _SMILES.fullmatch(written) is None or "c" not in written.lower():
        return False
    outside = _BRACKETS.sub("", written)
    rings = re.findall(r"%\d\d|\d", outside)
    closed = all(rings.count(ring) % 2 == 0 for ring in set(rings))
    return (closed and outside.count("(") == outside.count(")")) or len(label) > _LETTERS
