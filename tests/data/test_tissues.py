"""The column of sections: what it learns, what it refuses, what goes into a batch."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from polymodal.core import DataError
from polymodal.core.seeding import numpy_generator
from polymodal.data.base import DataTable
from polymodal.data.sections import Room, Section, Wanted, write_section
from polymodal.data.tissues import Look, TissueColumn

GENES = np.array([f"G{gene}" for gene in range(10)], dtype=object)


def content(spots=12, genes=GENES, seed=0, **other) -> bytes:
    draw = numpy_generator(seed, "tissue", spots)
    level = np.exp(draw.normal(size=(spots, 1)) * draw.normal(size=(1, len(genes))))
    counts = sparse.csr_matrix(draw.poisson(3 * level).astype(np.float32))
    places = np.stack([np.arange(spots) // 4, np.arange(spots) % 4], axis=1) * 50.0
    barcodes = np.array([f"S{spot}" for spot in range(spots)], dtype=object)
    return write_section(Section(barcodes, genes, **({"counts": counts, "places": places} | other)))


def column(**look) -> TissueColumn:
    return TissueColumn("section", Look(**({"directions": 3, "neighbours": 4} | look)), Room(), 2**20)


def table(*cells, files=None) -> DataTable:
    return DataTable(pd.DataFrame({"section": pd.Series(cells, dtype=object)}), files=files)


def test_the_parts_of_a_batch(tmp_path):
    (tmp_path / "a.h5ad").write_bytes(content())
    (tmp_path / "b.h5ad").write_bytes(content(20, seed=1))
    held = table("a.h5ad", "b.h5ad", None, "a.h5ad", files=tmp_path)
    reader = column()
    reader.fit(held, np.arange(4))
    values, refusals = reader.collate(reader.read(held), np.arange(4))
    assert not refusals
    assert values.index.tolist() == [0, 1, -1, 0]
    assert {name: tuple(part.shape) for name, part in values.data.items()} == {
        "genes": (2, 20, 3), "places": (2, 20, 2), "spots": (2, 20), "neighbours": (2, 20, 4)}  # fmt: skip
    assert values.data["spots"].sum(dim=1).tolist() == [12, 20]
    assert values.data["genes"][0, 12:].isnan().all()
    assert not values.data["genes"][values.data["spots"]].isnan().any()
    assert (values.data["neighbours"][0, 12:] == -1).all()
    assert values.data["places"][0, 0].tolist() == [-1.0, -1.5]  # row and column, in spacings from the middle
    assert reader.lengths(reader.read(held), np.arange(4)).tolist() == [12, 20, -1, 12]


def test_a_section_of_other_genes_is_refused_and_one_of_some_is_not():
    renamed = np.array([f"H{gene}" for gene in range(10)], dtype=object)
    held = table(content(), content(genes=renamed), content(genes=np.r_[GENES[5:], renamed[:5]]), b"noise")
    reader = column()
    reader.fit(held, np.array([0]))
    values, refusals = reader.collate(reader.read(held), np.arange(4))
    assert values.index.tolist() == [0, -1, 1, -1]
    assert [refusal.row for refusal in refusals] == [1, 3]
    assert "none of the" in refusals[0].reason
    assert "no HDF5 file" in refusals[1].reason
    assert reader.lengths(reader.read(held), np.arange(4)).tolist() == [12, -1, 12, -1]


def test_of_a_spot_without_any_count_nothing_is_known():
    counts = sparse.csr_matrix(np.vstack([np.zeros((1, 10)), np.eye(10)[:7] + 1]).astype(np.float32))
    held = table(content(), content(8, counts=counts))
    reader = column()
    reader.fit(held, np.array([0]))
    genes = reader.collate(reader.read(held), np.array([1]))[0].data["genes"]
    assert genes[0, 0].isnan().all()
    assert not genes[0, 1:].isnan().any()


def test_nothing_can_be_learned_of_sections_without_a_common_gene():
    held = table(content(), content(genes=np.array([f"H{gene}" for gene in range(10)], dtype=object)))
    with pytest.raises(DataError, match="no-common-genes"):
        column().fit(held, np.arange(2))
    with pytest.raises(DataError, match="no-usable-section"):
        column().fit(table(b"noise", b"more"), np.arange(2))


def test_a_section_without_a_picture_has_patches_that_are_not_seen():
    shown = np.full((200, 200, 3), 90, dtype=np.uint8)
    held = table(content(picture=shown, scale=1.0, places=np.arange(24.0).reshape(12, 2) * 5 + 30), content(seed=1))
    reader = column(wanted=Wanted(picture="lowres"), patch=4)
    reader.fit(held, np.arange(2))
    values, _ = reader.collate(reader.read(held), np.arange(2))
    assert values.data["patches"].shape == (2, 12, 3, 4, 4)
    assert values.data["seen"].sum(dim=1).tolist() == [12, 0]
    assert (values.data["patches"][0] == 90).all()


def test_genes_themselves_and_logarithms():
    held = table(content())
    reader = column(directions=None, genes=4)
    reader.fit(held, np.array([0]))
    genes = reader.collate(reader.read(held), np.array([0]))[0].data["genes"][0]
    assert genes.shape == (12, 4)
    np.testing.assert_allclose(genes.mean(dim=0), 0, atol=1e-5)
    as_they_are = column(directions=None, values="logged")
    as_they_are.fit(held, np.array([0]))
    assert max(as_they_are.learned.mean) < 30


def test_finished_sections_stay_in_memory_up_to_a_limit():
    held = table(content(), content(seed=1))
    for room, kept in ((2**20, 2), (0, 0)):
        reader = TissueColumn("section", Look(directions=3), Room(), room)
        reader.fit(held, np.arange(2))
        cells = reader.read(held)
        reader.collate(cells, np.arange(2))
        assert len(cells.found) == kept


def test_what_a_plain_model_is_given():
    held = table(content(), None, b"noise")
    reader = column()
    reader.fit(held, np.array([0]))
    (plain,) = reader.plain(reader.read(held), np.arange(3))
    assert plain.values.shape == (3, 1 + 2 * 3)
    assert plain.values[0, 0] == 12
    assert np.isfinite(plain.values[0]).all()
    assert np.isnan(plain.values[1:]).all()
