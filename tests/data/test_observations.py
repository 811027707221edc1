"""AnnData and MuData files are tables: rows, what is known of them, and a column for each gene."""

import io
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from polymodal.core import DataError
from polymodal.data import observations
from polymodal.data.sections import Section, write_section
from polymodal.data.tables import read_table
from polymodal.modalities import Omics

h5py = pytest.importorskip("h5py", reason='needs the extra: pip install "polymodal[tissue]"')


def content(names: str = "abcd", genes: str = "XYZ", seed: int = 0) -> bytes:
    """An .h5ad file with a count of each gene in each cell, a number, a text, and a column called id."""
    draw = np.random.default_rng(seed)
    counts = sparse.csr_matrix(draw.integers(0, 5, (len(names), len(genes))).astype(np.float32))
    texts = np.array([None if place == 1 else "in" for place in range(len(names))], dtype=object)
    columns = {"age": np.arange(len(names)), "where": texts, "id": np.arange(len(names)) * 10.0}
    indexes = (np.array(list(each), dtype=object) for each in (names, genes))
    return write_section(Section(*indexes, counts, np.zeros((len(names), 2)), columns))


def of_two() -> bytes:
    """A .h5mu file of "rna" for four cells, and "protein" for three of them and one more, in another order."""
    stream = io.BytesIO()
    with h5py.File(stream, "w") as root:
        root.attrs["encoding-type"], root.attrs["encoding-version"] = "MuData", "0.1.0"
        held = root.create_group("mod")
        for name, made in (("rna", content()), ("protein", content("dbae", "PQ", 1))):
            with h5py.File(io.BytesIO(made)) as other:
                other.copy(other, held, name)
    return stream.getvalue()


def test_rows_columns_and_genes(tmp_path: Path) -> None:
    (tmp_path / "cells.h5ad").write_bytes(content())
    frame = read_table(tmp_path / "cells.h5ad").frame
    assert frame.columns.tolist() == ["id", "age", "id_", "where", "X.X", "X.Y", "X.Z"]
    assert frame["id"].tolist() == list("abcd")
    assert frame["age"].tolist() == [0, 1, 2, 3]
    assert frame["where"].isna().tolist() == [False, True, False, False]
    wanted = np.random.default_rng(0).integers(0, 5, (4, 3))
    np.testing.assert_array_equal(frame[["X.X", "X.Y", "X.Z"]], wanted)


def test_assays_are_joined_by_the_names_of_their_rows(tmp_path: Path) -> None:
    (tmp_path / "cells.h5mu").write_bytes(of_two())
    table = read_table(tmp_path / "cells.h5mu")
    rna, protein = np.random.default_rng(0).integers(0, 5, (4, 3)), np.random.default_rng(1).integers(0, 5, (4, 2))
    first, second = (table.frame.filter(like=f"{assay}.").to_numpy() for assay in ("rna", "protein"))
    assert table.frame["id"].tolist() == list("dbae")  # modalities come by name, and the first one gives the rows
    np.testing.assert_array_equal(second, protein)
    np.testing.assert_array_equal(first, np.vstack([rna[[3, 1, 0]], [[np.nan] * 3]]))
    assert any("1 rows of" in note for note in table.notes)


def test_a_column_in_a_strange_encoding_is_left_out_and_told(tmp_path: Path) -> None:
    stream = io.BytesIO(content())
    with h5py.File(stream, "r+") as root:
        root["obs/age"].attrs["encoding-type"] = "of-tomorrow"
    (tmp_path / "cells.h5ad").write_bytes(stream.getvalue())
    table = read_table(tmp_path / "cells.h5ad")
    assert "age" not in table.frame
    assert 'column "age" is in an encoding that is not read' in table.notes


@pytest.mark.parametrize("made", [b"", b"no file of cells", content()[:500], content()[:-800]])
def test_what_is_damaged_is_refused_by_name(tmp_path: Path, made: bytes) -> None:
    (tmp_path / "cells.h5ad").write_bytes(made)
    with pytest.raises(DataError) as caught:
        read_table(tmp_path / "cells.h5ad")
    assert caught.value.code == "unreadable-table"
    assert caught.value.where.endswith("cells.h5ad")


def test_more_counts_than_can_be_laid_out_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cells.h5ad").write_bytes(content())
    monkeypatch.setattr(observations, "MOST", 11)
    with pytest.raises(DataError, match="12 counts"):
        read_table(tmp_path / "cells.h5ad")


def test_omics_reads_the_genes_by_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "cells.h5ad").write_bytes(content("abcdefghijklmnopqrst"))
    table = read_table(tmp_path / "cells.h5ad")
    genes = Omics(["X.*"], values="counts").reader
    genes.fit(table, np.arange(15))
    values, _ = genes.collate(genes.read(table), np.arange(20))
    assert values.data["genes"].shape[1] == 3
