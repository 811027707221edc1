"""Atoms in space out of the text of a file: xyz and extended xyz, and molfiles (SDF) of both versions."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from polymodal.core import DataError

__all__ = ["FARTHEST", "HEAVIEST", "SYMBOLS", "Atoms", "checked", "from_text", "unusable"]

_ELEMENTS = """
H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb Mo Tc
Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi
Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og
"""
SYMBOLS: Sequence[str] = _ELEMENTS.split()
"""Symbols of the elements in the order of their atomic numbers, from 1."""

HEAVIEST = len(SYMBOLS)
"""The greatest atomic number."""

FARTHEST = 1e4
"""Å from the middle; what is farther is in another unit, or damaged."""

_NUMBERS = {symbol: number for number, symbol in enumerate(SYMBOLS, start=1)} | {"D": 1, "T": 1}
_NEAREST = 0.1  # Å; atoms are never nearer to each other, and two are then one that was written twice
_PROPERTY = re.compile(r"properties=(\"[^\"]*\"|\S+)", re.IGNORECASE)
_PERIODIC = re.compile(r"pbc=(\"[^\"]*\"|\S+)", re.IGNORECASE)


@dataclass(frozen=True)
class Atoms:
    """`numbers` (atoms,) int64, atomic numbers; `positions` (atoms, 3) float64 in Å, their mean in the origin."""

    numbers: np.ndarray
    positions: np.ndarray


def from_text(content: bytes, largest: int) -> Atoms:
    """The atoms of a file: xyz, extended xyz, or a molfile (of an SDF, its one record).

    Raises DataError, with a sentence in `found`, where it is none of these, holds several structures, repeats itself in
    space, is a drawing in two dimensions, or has a bond to an atom that it does not have.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise unusable("structure-format", "is no text") from error
    lines = text.splitlines()
    if any(line.rstrip().endswith(("V2000", "V3000")) for line in lines[3:4]):
        return _from_molfile(lines, largest)
    if lines and lines[0].strip().isdecimal():
        return _from_xyz(lines, largest)
    raise unusable("structure-format", "is neither an xyz file nor a molfile (SDF, V2000 or V3000)")


def checked(numbers: np.ndarray, positions: np.ndarray, largest: int) -> Atoms:
    """Atoms that can be: (atoms,) whole numbers, (atoms, 3) finite positions, none of them at the place of another.

    Raises DataError where they are not, or where there is none or are more than `largest`.
    """
    from scipy.spatial import cKDTree

    if positions.shape != (len(numbers), 3):
        shape = " × ".join(map(str, positions.shape))
        raise unusable("structure-shape", f"has {len(numbers):,} atoms and positions of the shape {shape}")
    if not 0 < len(numbers) <= largest:
        raise unusable("structure-size", f"has {len(numbers):,} atoms; 1 to {largest:,} are allowed")
    wrong = ~((numbers >= 1) & (numbers <= HEAVIEST) & (numbers == np.floor(numbers)))
    if wrong.any():
        found = f"has an atom of number {numbers[wrong][0]:g}; elements go from 1 to {HEAVIEST}"
        raise unusable("structure-element", found)
    if not np.isfinite(positions).all():
        place = int(np.flatnonzero(~np.isfinite(positions).all(axis=1))[0])
        raise unusable("structure-not-finite", f"does not say where atom {place + 1} is")
    centred = positions - positions.mean(axis=0)
    if np.abs(centred).max() > FARTHEST:
        found = f"reaches {np.abs(centred).max():,.0f} Å from its middle, the limit is {FARTHEST:,.0f}"
        raise unusable("structure-extent", found)
    close = cKDTree(centred).query_pairs(_NEAREST)
    if close:
        one, other = min(close)
        found = f"has two atoms ({one + 1} and {other + 1}) at one place, less than {_NEAREST} Å apart"
        raise unusable("structure-overlap", found)
    return Atoms(numbers.astype(np.int64), centred)


def unusable(code: str, found: str) -> DataError:
    """What is said of a structure that cannot be used."""
    return DataError(
        code,
        where="structure",
        expected="atomic numbers, and a place in Å for each atom",
        found=found,
        remedy="write the structure again, or leave the cell empty",
    )


def _from_xyz(lines: Sequence[str], largest: int) -> Atoms:
    count = _count(lines[0], largest)
    if len(lines) < count + 2:
        raise unusable("structure-truncated", f"announces {count:,} atoms and has lines for {max(0, len(lines) - 2):,}")
    if any(line.strip() for line in lines[count + 2 :]):
        raise unusable("structure-several", f"goes on behind its {count:,} atoms; a file holds one structure")
    _check_periodic(lines[1])
    species, start = _columns(lines[1])
    numbers, positions = np.zeros(count), np.zeros((count, 3))
    for place, line in enumerate(lines[2 : count + 2]):
        words = line.split()
        if len(words) <= max(species, start + 2):
            raise unusable("structure-line", f"has no element and three numbers for atom {place + 1}")
        numbers[place] = _element(words[species], place)
        positions[place] = [_number(word, place) for word in words[start : start + 3]]
    return checked(numbers, positions, largest)


def _check_periodic(comment: str) -> None:
    """Extended xyz: a crystal goes on beyond its cell, which is not read."""
    said = _PERIODIC.search(comment)
    words = said[1].strip('"').split() if said else ["T"] if re.search(r"lattice=", comment, re.IGNORECASE) else []
    if any(word[:1].upper() in ("T", "1") for word in words):
        raise unusable("structure-periodic", "repeats itself in space; atoms beyond its cell would be missing")


def _columns(comment: str) -> tuple[int, int]:
    """Where the element and the first coordinate stand in a line; extended xyz may say so (species:S:1:pos:R:3)."""
    said = _PROPERTY.search(comment)
    if said is None:
        return 0, 1
    words, places, start = said[1].strip('"').split(":"), dict[str, int](), 0
    for name, width in zip(words[::3], words[2::3], strict=False):
        places[name.lower()] = start
        start += int(width) if width.isdecimal() else 0
    species = places.get("species", places.get("z"))
    if species is None or "pos" not in places:
        raise unusable("structure-line", f"has columns without species or pos: {said[1][:80]}")
    return species, places["pos"]


def _from_molfile(lines: Sequence[str], largest: int) -> Atoms:
    ends = [place for place, line in enumerate(lines) if line.startswith("$$$$")]
    if ends and any(line.strip() for line in lines[ends[0] + 1 :]):
        raise unusable("structure-several", "holds several molecules; a file holds one structure")
    if lines[1][20:22] == "2D":
        raise unusable("structure-flat", "is a drawing in two dimensions, and says nothing of places in space")
    read = _from_v2000 if lines[3].rstrip().endswith("V2000") else _from_v3000
    return read(lines, largest)


def _from_v2000(lines: Sequence[str], largest: int) -> Atoms:
    """Columns of fixed width: counts in line 4, then a line for each atom, then one for each bond."""
    count, bonds = _count(lines[3][:3], largest), _count(lines[3][3:6], None)
    if len(lines) < 4 + count + bonds:
        found = f"announces {count:,} atoms and {bonds:,} bonds and has lines for {len(lines) - 4:,} of these"
        raise unusable("structure-truncated", found)
    numbers, positions = np.zeros(count), np.zeros((count, 3))
    for place, line in enumerate(lines[4 : 4 + count]):
        positions[place] = [_number(line[start : start + 10], place) for start in (0, 10, 20)]
        numbers[place] = _element(line[31:34].strip(), place)
    for line in lines[4 + count : 4 + count + bonds]:
        _check_bond([line[:3], line[3:6]], count)
    return checked(numbers, positions, largest)


def _from_v3000(lines: Sequence[str], largest: int) -> Atoms:
    """Words: M V30 INDEX ELEMENT X Y Z … between BEGIN ATOM and END ATOM, bonds after them."""
    blocks: Mapping[str, list[list[str]]] = {"ATOM": [], "BOND": []}
    inside, count = "", 0
    for line in lines[4:]:
        words = line.split()[2:] if line.startswith("M  V30 ") else []
        if words[:1] == ["COUNTS"]:
            count = _count(words[1] if len(words) > 1 else "", largest)
        elif words[:1] in (["BEGIN"], ["END"]):
            inside = words[1] if words[0] == "BEGIN" and len(words) > 1 else ""
        elif inside in blocks and words:
            blocks[inside].append(words)
    if len(blocks["ATOM"]) != count:
        found = f"announces {count:,} atoms and has lines for {len(blocks['ATOM']):,}"
        raise unusable("structure-truncated", found)
    numbers, positions = np.zeros(count), np.zeros((count, 3))
    for place, words in enumerate(blocks["ATOM"]):
        if len(words) < 5:
            raise unusable("structure-line", f"has no element and three numbers for atom {place + 1}")
        numbers[place] = _element(words[1], place)
        positions[place] = [_number(word, place) for word in words[2:5]]
    for words in blocks["BOND"]:
        _check_bond(words[2:4], count)
    return checked(numbers, positions, largest)


def _check_bond(ends: Sequence[str], count: int) -> None:
    known = [word.strip().isdecimal() and 1 <= int(word) <= count for word in ends]
    if len(known) < 2 or not all(known):
        told = " and ".join(word.strip()[:10] or "nothing" for word in ends)
        raise unusable("structure-bond", f"has a bond between atoms {told}; there are {count:,}")


def _count(words: str, largest: int | None) -> int:
    word = words.strip()
    if not (word.isdecimal() and len(word) < 10):
        raise unusable("structure-line", f"has {word[:20]!r} where the number of atoms or bonds stands")
    if largest is not None and not 0 < int(word) <= largest:
        raise unusable("structure-size", f"has {int(word):,} atoms; 1 to {largest:,} are allowed")
    return int(word)


def _element(word: str, place: int) -> float:
    """An atomic number by symbol, in any case, or by the number itself."""
    if word.isdecimal() and len(word) < 5:
        return float(word)
    known = _NUMBERS.get(word.capitalize())
    if known is None:
        raise unusable("structure-element", f"has {word[:20]!r} for the element of atom {place + 1}")
    return float(known)


def _number(word: str, place: int) -> float:
    try:
        return float(word)
    except ValueError as error:
        raise unusable("structure-line", f"has {word.strip()[:20]!r} for a coordinate of atom {place + 1}") from error
