"""Files of molecules become tables: a record is a row, a data item a cell; what is broken is refused with its line."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from polymodal.core import DataError
from polymodal.data.compounds import is_molfile
from polymodal.data.files import Limits
from polymodal.data.inference import propose
from polymodal.data.molecules import MoleculeColumn
from polymodal.data.structures import Reach, StructureColumn
from polymodal.data.tables import from_frame, read_table

WATER = """water
  made by hand

  3  2  0  0  0  0  0  0  0  0999 V2000
    0.0000    0.0000    0.1173 O   0  0
    0.0000    0.7572   -0.4692 H   0  0
    0.0000   -0.7572   -0.4692 H   0  0
  1  2  1  0
  1  3  1  0
M  END
"""
METHANOL = """
  made by hand

  2  1  0  0  0  0  0  0  0  0999 V2000
    0.0000    0.0000    0.0000 C   0  0
    1.4000    0.0000    0.0000 O   0  0
  1  2  1  0
M  END
"""
ITEMS = "> <boils>\n100\n\n>  25  <note>  (7)\ntwo\nlines\n\n"


def write(folder: Path, content: str | bytes, name: str = "a.sdf") -> Path:
    """A file with this content."""
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / name


def test_records_are_rows_and_data_items_are_columns(tmp_path: Path) -> None:
    place = write(tmp_path, f"{WATER}{ITEMS}$$$$\n{METHANOL}> <name>\nwood spirit\n\n> <boils>\n65\n\n$$$$\n\n")
    frame = read_table(place).frame
    assert frame.columns.tolist() == ["name", "molecule", "boils", "note", "name_"]
    assert frame["name"].tolist()[0] == "water"
    assert frame["name"].isna().tolist() == [False, True]
    assert frame["molecule"].tolist() == [WATER.strip(), f"-{METHANOL}".strip()]
    assert frame["boils"].tolist() == ["100", "65"]
    assert frame["note"].tolist()[0] == "two\nlines"
    assert frame["name_"].tolist()[1] == "wood spirit"
    assert frame[["note", "name_"]].isna().to_numpy().tolist() == [[False, True], [True, False]]


def test_a_packed_file_and_one_without_a_last_mark_are_read_alike(tmp_path: Path) -> None:
    plain = read_table(write(tmp_path, f"{WATER}{ITEMS}".replace("\n", "\r\n"))).frame
    packed = read_table(write(tmp_path, gzip.compress(f"{WATER}{ITEMS}$$$$\n".encode()), "a.sdf.gz")).frame
    assert plain.equals(packed)
    assert plain["molecule"].tolist() == [WATER.strip()]


@pytest.mark.parametrize(
    ("content", "line", "found"),
    [
        ("", 1, "no record"),
        ("\n\n", 1, "no record"),
        ("just words\n", 1, "M  END"),
        (WATER[:200], 1, "M  END"),
        (f"{WATER}$$$$\n{METHANOL[:80]}", 12, "M  END"),
        (f"{WATER}> <>\n1\n\n$$$$\n", 11, "without a name"),
        (f"{WATER}> 5\n1\n\n$$$$\n", 11, "without a name"),
        (f"{WATER}> <a>\n1\n\n> <a>\n2\n\n$$$$\n", 14, '"a" twice'),
        (b"\xff\xfe\x00", 1, "no text"),
    ],
)
def test_what_is_broken_is_refused_with_its_line(tmp_path: Path, content: str | bytes, line: int, found: str) -> None:
    with pytest.raises(DataError, match=found) as caught:
        read_table(write(tmp_path, content))
    assert caught.value.code == "unreadable-table"
    assert caught.value.where.endswith(f"a.sdf:{line}")


def test_lines_of_smiles_are_rows(tmp_path: Path) -> None:
    content = "SMILES\tid\n# comment\nCCO\tethyl alcohol\n\n c1ccccc1 \nnonsense 7\n"
    frame = read_table(write(tmp_path, content, "a.smi")).frame
    assert frame["smiles"].tolist() == ["CCO", "c1ccccc1", "nonsense"]
    assert frame["name"].tolist()[::2] == ["ethyl alcohol", "7"]
    assert frame["name"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("content", "found"), [("smiles name\n", "no line"), ("CCO,1\n", "with a comma"), (b"\x80", "no text")]
)
def test_a_file_of_smiles_that_is_none_is_refused(tmp_path: Path, content: str | bytes, found: str) -> None:
    with pytest.raises(DataError, match=found):
        read_table(write(tmp_path, content, "a.smi"))


def test_a_molfile_is_the_molecule_that_its_smiles_is(tmp_path: Path) -> None:
    pytest.importorskip("rdkit", reason='needs the extra: pip install "polymodal[molecules]"')
    frame = read_table(write(tmp_path, f"{METHANOL}$$$$\n{WATER}$$$$\n")).frame
    cells = [*frame["molecule"], "CO", WATER.replace("  1  3  1", "  1  9  1"), "-\n\n\n  0  0 V2000\n"]
    cells += ["-" + METHANOL.replace("  1  2  1  0", "  1  2  1  0\n" * 6)]
    column, table = MoleculeColumn("m"), from_frame(np.array(cells, dtype=object).reshape(-1, 1))
    table = from_frame(table.frame.rename(columns={"0": "m"}))
    column.fit(table, np.arange(3))
    read = column.read(table)
    assert read.code[:3].tolist() == [0, 1, 0]
    assert read.present.tolist() == [True, True, True, False, False, False]
    assert [refusal.row for refusal in read.refusals] == [3, 4, 5]
    assert "the molfile" in read.refusals[0].reason


def test_an_sdf_gives_structures_too(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, f"{WATER}$$$$\n{METHANOL}$$$$\n"))
    column = StructureColumn("molecule", None, Reach(), Limits())
    column.fit(table, np.arange(2))
    values, refusals = column.collate(column.read(table), np.arange(2))
    assert refusals == []
    assert values.data["numbers"].tolist() == [[8, 1, 1], [6, 8, 0]]


def test_a_first_spec_finds_the_molecules(tmp_path: Path) -> None:
    chains = [METHANOL.replace("1.4000", f"{1 + number / 100:.4f}") for number in range(40)]
    records = [f"{each}> <boils>\n{60 + place % 7 + place / 10}\n\n$$$$\n" for place, each in enumerate(chains)]
    proposal = propose(read_table(write(tmp_path, "".join(records))), ["boils"])
    assert proposal["modalities"] == {"molecule": {"type": "molecule", "column": "molecule"}}
    assert proposal["tasks"] == {"boils": {"type": "regression", "target": "boils"}}


def test_what_is_a_molfile() -> None:
    assert is_molfile(WATER)
    assert is_molfile(METHANOL.replace("V2000", "V3000"))
    assert not is_molfile("CCO")
    assert not is_molfile("a\nb\nc\nd")
