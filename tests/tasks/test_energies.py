import numpy as np
import pandas as pd
import pytest
import torch

from polymodal.core import DataError
from polymodal.data.base import DataTable
from polymodal.modalities import Structure
from polymodal.tasks.energies import EnergyColumn
from polymodal.testing import check_column
from tests.tasks.atoms import springs


def column() -> EnergyColumn:
    return EnergyColumn("energy", "atoms", "forces", "dipole")


def read(frame: pd.DataFrame) -> tuple[EnergyColumn, torch.Tensor, torch.Tensor, list[str]]:
    made, table, rows = column(), DataTable(frame), np.arange(len(frame))
    made.fit(table, rows)
    atoms = Structure("places", "numbers").reader
    atoms.fit(table, rows)
    cells = made.beside(made.read(table), {"atoms": (atoms, atoms.read(table))})
    values, refusals = made.collate(cells, rows)
    return made, values.data["target"], values.index, [each.reason for each in [*cells.refusals, *refusals]]


def test_it_keeps_the_contract() -> None:
    frame = springs(20)
    frame.loc[3, "forces"], frame.loc[4, "energy"] = None, np.nan
    frame.loc[7, ["energy", "forces", "dipole"]] = [np.nan, None, None]
    check_column(column, DataTable(frame), np.arange(0, 20, 2))


def test_what_is_known_stands_in_its_place() -> None:
    frame = springs(4)
    frame.loc[1, "forces"], frame.loc[2, "energy"] = None, np.nan
    frame.loc[3, ["energy", "forces", "dipole"]] = [np.nan, None, None]
    made, target, index, reasons = read(frame)
    assert index.tolist() == [0, 1, 2, -1]
    assert target.shape == (3, 4 + 9)
    assert target.dtype == torch.float64
    assert target[0].tolist() == [frame["energy"][0], *frame["dipole"][0], *np.ravel(frame["forces"][0])]
    assert torch.isinf(target[1, 4:]).all()
    assert torch.isnan(target[2, 0])
    assert not reasons
    held = np.concatenate([np.ravel(each) for each in frame["forces"] if each is not None])
    assert made.force == pytest.approx(np.sqrt((held**2).mean()))


@pytest.mark.parametrize("written", [lambda each: str(np.ravel(each).tolist()), lambda each: np.ravel(each).tolist()])
def test_forces_may_be_flat_or_text(written) -> None:
    frame = springs(4)
    _, wanted, _, _ = read(frame)
    flat = frame.assign(forces=[written(each) for each in frame["forces"]])
    torch.testing.assert_close(read(flat)[1], wanted, atol=0, rtol=0)


@pytest.mark.parametrize(
    ("name", "cell", "said"),
    [
        ("forces", [[1.0, 2.0]], "2 numbers, not three numbers for each atom"),
        ("forces", [[1.0, 2.0, 3.0]] * 2, 'forces on 2 atoms; "atoms" has 3'),
        ("forces", "much", "which is no number"),
        ("dipole", [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "6 numbers, not 3 numbers"),
        ("dipole", {"x": 1.0}, "not numbers"),
    ],
)
def test_what_cannot_be_used_is_refused_by_row(name: str, cell: object, said: str) -> None:
    frame = springs(4)
    frame.at[0, name] = cell
    _, target, index, reasons = read(frame)
    assert len(reasons) == 1
    assert said in reasons[0]
    assert index.tolist() == [0, 1, 2, 3]
    assert not torch.isfinite(target[0, 4:] if name == "forces" else target[0, 1:4]).any()


@pytest.mark.parametrize("name", ["forces", "dipole"])
def test_a_column_without_vectors_is_refused(name: str) -> None:
    frame = springs(4)
    frame[name] = None
    with pytest.raises(DataError, match=name):
        column().fit(DataTable(frame), np.arange(4))
