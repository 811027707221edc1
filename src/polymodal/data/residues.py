"""A column of amino-acid sequences: each distinct one is read once, sign by sign."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from polymodal.core import DataError, Refusal, Values
from polymodal.data.base import Cells, Column, DataTable, Rows
from polymodal.data.cells import parse_labels
from polymodal.data.directions import Pieces
from polymodal.data.once import among, read_once
from polymodal.data.plain import Plain, plain_numbers

__all__ = [
    "CODES",
    "FIRST",
    "HIDDEN",
    "PADDING",
    "PIECES",
    "RESIDUES",
    "UNKNOWN",
    "ResidueCells",
    "ResidueColumn",
    "piece_counts",
]

RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
"""The twenty amino acids that are coded for, by their one-letter signs (IUPAC-IUB 1984)."""
UNSURE = "BJOUXZ"
"""Signs for one of several, for rare amino acids, and for any: all of them are read as unknown."""

PADDING, UNKNOWN, HIDDEN, FIRST = 0, 1, 2, 3
CODES = FIRST + len(RESIDUES)
"""How many codes there are: behind the end, unknown, hidden from the net, and the twenty."""

LONGEST_PIECE = 3
PIECES = sum(len(RESIDUES) ** length for length in range(1, LONGEST_PIECE + 1))
"""How many pieces of one, two or three neighbouring amino acids there are."""
LEARNED = 2000  # sequences whose pieces are counted: what is learned of them is not learned from more

_BAD = 255
_READ = 1 << 20  # signs of a cell that are looked at


def _table() -> np.ndarray:
    """(256,) the code of each sign, small letters as great ones."""
    made = np.full(256, _BAD, dtype=np.uint8)
    for place, sign in enumerate(RESIDUES):
        made[[ord(sign), ord(sign.lower())]] = FIRST + place
    for sign in UNSURE:
        made[[ord(sign), ord(sign.lower())]] = UNKNOWN
    return made


_CODE = _table()


@dataclass(frozen=True)
class ResidueScale:
    """What was learned: rows with a sequence, distinct ones, middle and greatest length, directions of the counts."""

    rows: int = 0
    distinct: int = 0
    middle: int = 1
    longest: int = 1
    rank: int = 1


@dataclass(frozen=True)
class ResidueCells(Cells):
    """`code` (rows,) tells which of the distinct `sequences` (codes, uint8) a row has, -1 = none."""

    code: np.ndarray
    sequences: Sequence[np.ndarray]


class ResidueColumn(Column[ResidueCells]):
    """Amino-acid sequences in one-letter signs, in great or small letters.

    White space, a FASTA header and the star at the end are passed over; any other sign refuses the row. The part is
    "codes" (n, residues) int64, 0 behind the end: at most `longest` residues, the first ones.
    """

    def __init__(self, column: str, longest: int = 2048) -> None:
        self.names, self.name, self.longest = [column], column, longest
        self.learned, self.pieces = ResidueScale(), Pieces.unknown(PIECES, 1)

    def fit(self, table: DataTable, rows: Rows) -> None:
        """Learn how long sequences are, and in which pieces they differ.

        Raises DataError where training rows have some and none can be read.
        """
        cells = self.read(table.take(rows))
        lengths = np.array([len(cells.sequences[code]) for code in cells.code[cells.present]])
        if len(lengths) == 0 and cells.refusals:
            first = cells.refusals[0]
            raise DataError(
                "no-usable-sequences",
                where=table.place(int(rows[first.row]), self.name),
                expected=f"amino acids in one-letter signs ({RESIDUES}; X for any)",
                found=f"none of {len(cells.refusals)} training rows can be read; here: {first.reason}",
                remedy="name a column of protein sequences, or leave this modality out",
            )
        if len(lengths):
            self.pieces = Pieces.learn(np.stack([_counts(each) for each in cells.sequences[:LEARNED]]))
            found, rank = len(cells.sequences), len(self.pieces.centre)
            self.learned = ResidueScale(len(lengths), found, int(np.median(lengths)), int(lengths.max()), rank)

    def read(self, table: DataTable) -> ResidueCells:
        """The codes of every distinct sequence; rows that hold another sign are refused."""
        labels = parse_labels(table.column(self.name), table.missing)
        code, sequences, refusals = read_once(labels, self.name, self._read)
        return ResidueCells(code >= 0, code, sequences, refusals=refusals)

    def collate(self, cells: ResidueCells, rows: Rows) -> tuple[Values, list[Refusal]]:
        """The distinct sequences of these rows, filled up to the longest of them."""
        distinct, index = among(cells.code, rows)
        held = [cells.sequences[each] for each in distinct]
        codes = np.full((len(held), max(map(len, held), default=1)), PADDING, dtype=np.int64)
        for number, sequence in enumerate(held):
            codes[number, : len(sequence)] = sequence
        return Values({"codes": torch.from_numpy(codes)}, index), []

    def lengths(self, cells: ResidueCells, rows: Rows) -> np.ndarray:
        """(n,) how many residues of each row are read, -1 where it has no sequence."""
        lengths = np.array([*map(len, cells.sequences), -1], dtype=np.int64)  # the last is found at -1
        return np.asarray(lengths[cells.code[rows]])

    def state(self) -> dict[str, Any]:
        """What was learned. The main directions are not among it: they are saved with the encoder's weights."""
        return asdict(self.learned)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the column that gave this state."""
        self.learned = ResidueScale(**state)
        self.pieces = Pieces.unknown(PIECES, self.learned.rank)

    def plain(self, cells: ResidueCells, rows: Rows) -> list[Plain]:
        """The logarithm of the length, and shares of each amino acid and of each pair of neighbours."""
        told = np.array([_composition(sequence) for sequence in cells.sequences]).reshape(len(cells.sequences), -1)
        table = np.full((len(rows), 1 + len(RESIDUES) + len(RESIDUES) ** 2), np.nan)
        code = cells.code[rows]
        table[code >= 0] = told[code[code >= 0]]
        return [plain_numbers(table)]

    def _read(self, label: str) -> tuple[str, np.ndarray | None, str]:
        """The label, the codes of its sequence, and in words why there are none."""
        body = label[:_READ].partition("\n")[2] if label.startswith(">") else label[:_READ]
        signs = "".join(body.split()).removesuffix("*")
        codes = _CODE[np.frombuffer(signs.encode("latin-1", "replace"), dtype=np.uint8)]
        bad = np.flatnonzero(codes == _BAD)
        if len(bad):
            return label, None, f'the sign "{signs[bad[0]]}" at place {bad[0] + 1} is no amino acid'
        if len(codes) == 0:
            return label, None, "a sequence without residues"
        return label, codes[: self.longest], ""


def piece_counts(codes: torch.Tensor) -> torch.Tensor:
    """(n, PIECES) how often each piece stands in codes (n, residues); none holds a residue that is not known."""
    kinds, single, known = len(RESIDUES), (codes - FIRST).clamp(min=0), codes >= FIRST
    piece, whole, made = single, known, []
    for length in range(1, LONGEST_PIECE + 1):
        if length > 1:
            piece = piece[:, :-1] * kinds + single[:, length - 1 :]
            whole = whole[:, :-1] & known[:, length - 1 :]
        found = torch.zeros(len(codes), kinds**length, device=codes.device)
        made.append(found.scatter_add_(1, piece, whole.to(found.dtype)))
    return torch.cat(made, dim=1)


def _counts(codes: np.ndarray) -> np.ndarray:
    """(PIECES,) of one sequence."""
    return piece_counts(torch.from_numpy(codes.astype(np.int64))[None])[0].numpy()


def _composition(codes: np.ndarray) -> np.ndarray:
    """(421,) of one sequence."""
    count = len(RESIDUES)
    known = codes[codes >= FIRST].astype(np.int64) - FIRST
    pairs = np.bincount(known[:-1] * count + known[1:], minlength=count**2) / max(1, len(known) - 1)
    single = np.bincount(known, minlength=count) / max(1, len(known))
    return np.concatenate([[np.log(len(codes))], single, pairs])
