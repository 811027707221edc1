"""Precomputed vectors beyond what the contract kit holds every modality to."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal import run
from polymodal.core import DataError
from polymodal.core.seeding import torch_generator
from polymodal.data.base import DataTable
from polymodal.data.inference import propose
from polymodal.encoders import VectorNet
from polymodal.modalities import Embedding
from polymodal.report import build_report
from polymodal.spec import Spec
from polymodal.testing import check_modality

ROWS = 160


@pytest.mark.parametrize("columns", [["vector"], ["a", "b", "c"]], ids=len)
@pytest.mark.parametrize("options", [{}, {"layers": 2}, {"hide": 0.0}], ids=str)
def test_every_choice_keeps_the_contract(options: dict[str, object], columns: list[str]) -> None:
    check_modality(Embedding(columns, **options))


def test_an_encoder_of_ones_own() -> None:
    def mine(reader: object, width: int) -> torch.nn.Module:
        return Embedding(["v"]).build_encoder(width)

    assert Embedding(["v"], encoder=mine).chosen()[0] == "custom"


def test_hidden_numbers_are_told() -> None:
    vector = torch.randn(50, 8)
    vector[0, 3] = torch.nan
    changed, hidden = Embedding(["v"]).corrupt({"vector": vector}, 0.4, torch_generator(0, "v"))
    assert hidden.shape == (50, 8)
    assert not hidden[0, 3]
    assert torch.equal(changed["vector"].isnan(), hidden | vector.isnan())


def test_the_choice_is_said_with_its_sizes() -> None:
    modality = Embedding(["v"])
    table = modality.example(20, 0)
    modality.reader.fit(table, np.arange(20))
    assert "vectors of 6 numbers" in modality.chosen()[1]


def vectors(folder: Path, form: str) -> Path:
    """A table of 160 rows, the vectors of which tell the class; two rows have none."""
    draw = np.random.default_rng(0)
    kind = draw.integers(0, 2, ROWS)
    made = draw.normal(size=(ROWS, 12)) + 1.5 * kind[:, None] * (np.arange(12) < 4)
    frame = pd.DataFrame({"kind": np.where(kind == 1, "yes", "no")})
    if form == "numbers":
        frame = frame.join(pd.DataFrame(made, columns=[f"e_{place}" for place in range(12)]))
    elif form == "files":
        for row, vector in enumerate(made):
            np.save(folder / f"{row}.npy", vector)
        frame["e_cell"] = [None if row < 2 else f"{row}.npy" for row in range(ROWS)]
    else:
        told = [" ".join(f"{number:.4f}" for number in vector) if form == "text" else vector for vector in made]
        frame["e_cell"] = pd.Series([None if row < 2 else one for row, one in enumerate(told)], dtype=object)
    frame.to_parquet(folder / "table.parquet")
    return folder / "table.parquet"


@pytest.mark.parametrize("form", ["numbers", "arrays", "text", "files"])
def test_vectors_of_every_form_teach(tmp_path: Path, form: str) -> None:
    spec = {
        "version": 1,
        "data": {"table": str(vectors(tmp_path, form)), "files": str(tmp_path)},
        "modalities": {"vector": {"type": "embedding", "columns": ["e_*"], "files": form == "files"}},
        "tasks": {"kind": {"type": "binary", "target": "kind"}},
        "train": {"epochs": 8, "members": 1},
    }
    told = run.fit(Spec.from_dict(spec, name="vectors"), tmp_path / "run")
    assert told["tasks"]["kind"]["metrics"]["auroc"] > 0.8
    page = build_report(tmp_path / "run").read_text(encoding="utf-8")
    assert ("… (12 numbers)" in page) == (form == "arrays")


@pytest.mark.parametrize(("name", "kind"), [("text_embedding", "embedding"), ("wave", "signal")])
def test_a_first_spec_goes_by_the_name_of_the_column(tmp_path: Path, name: str, kind: str) -> None:
    frame = pd.read_parquet(vectors(tmp_path, "arrays")).rename(columns={"e_cell": name})
    assert propose(DataTable(frame), ["kind"])["modalities"][name]["type"] == kind


def test_what_is_not_known_is_the_mean_of_training() -> None:
    net = VectorNet(4, 8).eval()
    vector = torch.randn(3, 4)
    vector[1, 2], vector[2] = torch.nan, torch.nan
    tokens = net(vector)
    assert tokens.mask.tolist() == [[True], [True], [False]]
    filled = vector.clone()
    filled[1, 2] = 0.0
    torch.testing.assert_close(net(filled).values[1], tokens.values[1])


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        (np.ones(5), "holds 5 numbers, training rows hold 6"),
        (np.ones((2, 3)), "holds 2 × 3 numbers"),
        ("1 2 three", "'three', which is no number"),
    ],
    ids=["length", "matrix", "word"],
)
def test_a_cell_that_is_no_such_vector_is_refused_by_its_row(cell: object, found: str) -> None:
    modality = Embedding(["v"])
    modality.reader.fit(modality.example(20, 0), np.arange(20))
    frame = pd.DataFrame({"v": pd.Series([np.ones(6), cell, np.ones((1, 6))], dtype=object)})
    values, refusals = modality.reader.collate(modality.reader.read(DataTable(frame)), np.arange(3))
    assert values.index.tolist() == [0, -1, 1]
    assert [refusal.row for refusal in refusals] == [1]
    assert found in refusals[0].reason


def test_vectors_in_several_columns_are_several_modalities() -> None:
    frame = pd.DataFrame({name: pd.Series([np.arange(3.0)] * 5, dtype=object) for name in "ab"})
    with pytest.raises(DataError, match="each such column is a modality of its own"):
        Embedding(["a", "b"]).reader.fit(DataTable(frame), np.arange(5))


def test_a_floor_reads_the_vectors_as_they_stand() -> None:
    modality = Embedding(["v"])
    table = modality.example(20, 0)
    modality.reader.fit(table, np.arange(20))
    cells = modality.reader.read(table)
    (plain,) = modality.reader.plain(cells, np.arange(20))
    assert plain.values.shape == (20, 6)
    assert np.isnan(plain.values).all(axis=1).tolist() == (~cells.present).tolist()
