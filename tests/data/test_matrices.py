"""Sparse matrices are tables: rows, what is known of them, and a column for each gene."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from polymodal.core import DataError
from polymodal.data import matrices
from polymodal.data.tables import read_table
from polymodal.modalities import Omics

TABLE = np.array([[0, 1, 7], [2, 0, 0], [0, 3, 1], [4, 0, 2]], dtype=np.int16)
CELLS, GENES = "cell,state\na,on\nb,off\nc,\nd,on\n", "X\nY\nZ\n"


def written(folder: Path, name: str = "counts.npz", **beside: str) -> Path:
    """The matrix as scipy writes it, with the files beside it."""
    sparse.save_npz(folder / name, sparse.csr_matrix(TABLE))
    for file, text in ({"cells.csv": CELLS, "genes.txt": GENES} | beside).items():
        (folder / file).write_text(text, encoding="utf-8")
    return folder / name


def named(folder: Path, **arrays: np.ndarray) -> Path:
    """The matrix with arrays of names in the same file."""
    matrix = sparse.csr_matrix(TABLE)
    own = {"format": np.array("csr"), "shape": np.array(matrix.shape)}
    parts = {part: getattr(matrix, part) for part in ("data", "indices", "indptr")}
    np.savez(folder / "counts.npz", **(own | parts | arrays))
    return folder / "counts.npz"


def refused(path: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        read_table(path)
    assert caught.value.code == "unreadable-table"
    return caught.value


def test_rows_columns_and_genes(tmp_path: Path) -> None:
    table = read_table(written(tmp_path))
    assert table.frame.columns.tolist() == ["cell", "state", "X.X", "X.Y", "X.Z"]
    assert table.frame["cell"].tolist() == list("abcd")
    np.testing.assert_array_equal(table.frame[["X.X", "X.Y", "X.Z"]], TABLE)
    assert table.notes == ("rows are told by cells.csv", "genes are named by genes.txt")


@pytest.mark.parametrize("name", ["a_counts.npz", "a.npz"])
def test_the_files_beside_begin_as_the_matrix_does(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name, **{"a_spots.tsv": CELLS.replace(",", "\t"), "a_var_names.txt": "P\r\nQ\r\nR"})
    assert read_table(path).frame.columns.tolist() == ["cell", "state", "X.P", "X.Q", "X.R"]


@pytest.mark.parametrize("layout", [sparse.csc_matrix, sparse.coo_matrix])
def test_other_layouts_hold_the_same(tmp_path: Path, layout: type) -> None:
    sparse.save_npz(written(tmp_path), layout(TABLE))
    np.testing.assert_array_equal(read_table(tmp_path / "counts.npz").frame.filter(like="X."), TABLE)


def test_names_may_stand_in_the_file(tmp_path: Path) -> None:
    path = named(tmp_path, cells=np.array(list("abcd")), genes=np.array(list("PQR")))
    assert read_table(path).frame.columns.tolist() == ["id", "X.P", "X.Q", "X.R"]
    assert read_table(path).frame["id"].tolist() == list("abcd")
    (tmp_path / "cells.csv").write_text(CELLS)
    assert read_table(path).frame.columns.tolist()[:2] == ["cell", "state"]


def test_names_are_never_unpickled(tmp_path: Path) -> None:
    path = named(tmp_path, cells=np.array(list("abcd")), genes=np.array(list("PQR"), dtype=object))
    assert "pickled" in refused(path).found


@pytest.mark.parametrize(("end", "wanted"), [("cells.csv", 'array "cells"'), ("genes.txt", 'array "genes"')])
def test_what_lacks_is_said_by_name(tmp_path: Path, end: str, wanted: str) -> None:
    path = written(tmp_path)
    (tmp_path / end).unlink()
    error = refused(path)
    assert wanted in error.expected
    assert end in error.remedy


WRONG = {
    "a row too few": ({"cells.csv": CELLS[:-5]}, "3 in cells.csv"),
    "a gene too many": ({"genes.txt": GENES + "Q\n"}, "4 in genes.txt"),
    "a gene twice": ({"genes.txt": "X\nY\nX\n"}, 'the gene "X" twice'),
    "a gene without a name": ({"genes.txt": "X\n\nZ\n"}, "a gene without a name"),
    "two lists of rows": ({"obs.csv": CELLS}, "both cells.csv and obs.csv"),
}


@pytest.mark.parametrize("name", WRONG)
def test_names_that_do_not_fit_are_refused(tmp_path: Path, name: str) -> None:
    beside, words = WRONG[name]
    error = refused(written(tmp_path, **beside))
    assert words in error.found
    assert error.where.endswith("counts.npz")


def test_genes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    (tmp_path / "genes.txt").write_bytes(b"X\n\xff\nZ\n")
    assert refused(path).where.endswith("genes.txt")


def test_a_column_that_is_called_like_a_gene_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="duplicate-column"):
        read_table(written(tmp_path, **{"cells.csv": CELLS.replace("state", "X.Y")}))


def test_what_is_damaged_is_refused_by_name(tmp_path: Path) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    for content in (b"", b"no matrix", whole[:200], whole[:-40]):
        path.write_bytes(content)
        assert refused(path).where.endswith("counts.npz")
    np.savez(path, images=np.zeros((2, 3)))
    assert 'it has no "format"' in refused(path).found


def test_more_than_can_be_laid_out_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path)
    monkeypatch.setattr(matrices, "MOST", 11)
    assert "4 × 3 counts" in refused(path).found
    monkeypatch.setattr(matrices, "_LONGEST", 5)
    monkeypatch.setattr(matrices, "MOST", 12)
    assert refused(path).where.endswith("genes.txt")


def test_omics_reads_the_genes_by_a_pattern(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    path = written(tmp_path)
    sparse.save_npz(path, sparse.csr_matrix(draw.poisson(3, (20, 3))))
    pd.DataFrame({"id": range(20)}).to_csv(tmp_path / "cells.csv", index=False)
    table, genes = read_table(path), Omics(["X.*"], values="counts").reader
    genes.fit(table, np.arange(15))
    values, _ = genes.collate(genes.read(table), np.arange(20))
    assert values.data["genes"].shape[1] == 3
