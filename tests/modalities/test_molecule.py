"""Molecules are told apart by their bonds and by their pieces; each atom can have a token."""

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal.data.molecules import HIDDEN
from polymodal.data.tables import from_frame
from polymodal.modalities import Molecule
from polymodal.testing import check_modality


def fitted(modality: Molecule, cells: list[str]) -> tuple[Molecule, dict[str, torch.Tensor]]:
    table, rows = from_frame(pd.DataFrame({"smiles": cells})), np.arange(len(cells))
    modality.reader.fit(table, rows)
    values, _ = modality.reader.collate(modality.reader.read(table), rows)
    return modality, values.data


@pytest.mark.parametrize(
    ("options", "tokens"),
    [
        ({"encoder": "graph"}, 1),
        ({"encoder": "fingerprint"}, 1),
        ({"encoder": "fingerprint", "directions": False}, 1),
        ({"encoder": "both"}, 2),
        ({"tokens": "atoms"}, 3),
    ],
    ids=str,
)
def test_every_choice_keeps_the_contract_and_gives_its_tokens(options, tokens):
    check_modality(Molecule("smiles", **options))
    modality, parts = fitted(Molecule("smiles", **options), ["CCO", "C"])
    made = modality.build_encoder(8).eval()(parts)
    assert made.values.shape == (2, tokens, 8)
    assert made.mask[0].sum() == tokens


def test_both_are_read_unless_atoms_are_wanted():
    assert Molecule("smiles").chosen()[0] == "both"
    assert Molecule("smiles", tokens="atoms").chosen()[0] == "graph"
    assert "spec" in Molecule("smiles", encoder="graph").chosen()[1]


def test_a_fingerprint_has_no_atoms():
    with pytest.raises(ValueError, match="no atoms"):
        Molecule("smiles", encoder="fingerprint", tokens="atoms")


@pytest.mark.parametrize("encoder", ["graph", "fingerprint", "both"])
def test_a_group_is_learned_wherever_it_stands(encoder):
    draw, has = np.random.default_rng(0), np.arange(240) % 2
    pieces = np.array(["C", "O", "N", "CC", "C(C)"])
    cells = []
    for row in range(240):
        chain = list(draw.choice(pieces, int(draw.integers(4, 9))))
        chain.insert(int(draw.integers(1, len(chain))), "C(=O)" if has[row] else "C(O)")
        cells.append("C" + "".join(chain) + "C")
    modality = Molecule("smiles", encoder)
    table, rows = from_frame(pd.DataFrame({"smiles": cells})), np.arange(240)
    modality.reader.fit(table, rows[:160])
    read = modality.reader.read(table)
    torch.manual_seed(0)
    net, head = modality.build_encoder(16), torch.nn.Linear(16, 1)
    optimiser = torch.optim.AdamW([*net.parameters(), *head.parameters()], lr=3e-3)

    def said(chosen: np.ndarray) -> torch.Tensor:
        values, _ = modality.reader.collate(read, chosen)
        tokens = net(values.data).values.mean(dim=1)
        return head(tokens[values.index]).flatten()

    truth = torch.from_numpy(has).float()
    for step in range(100):
        chosen = np.arange(step % 5 * 32, step % 5 * 32 + 32)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(said(chosen), truth[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    net.eval()
    with torch.no_grad():
        right = (said(np.arange(160, 240)) > 0) == (truth[160:] > 0)
    assert right.float().mean() > 0.9


def test_what_is_hidden_is_marked_and_what_is_not_stays():
    modality, parts = fitted(Molecule("smiles", hide=0.5), ["C" * 200, "CC(=O)Oc1ccccc1C(=O)NCCS", "CO"])
    generator = torch.Generator().manual_seed(0)
    changed = modality.perturb(parts, generator)
    hidden = changed["atoms"][..., 0] == HIDDEN
    assert 0.4 < hidden[0].float().mean() < 0.6
    assert (changed["atoms"][hidden][:, 1:] == 0).all()
    assert (changed["atoms"][~hidden] == parts["atoms"][~hidden]).all()
    pieces, left = parts["counts"] > 0, changed["counts"] > 0
    assert 0 < (pieces & ~left).sum() < pieces.sum()
    assert (changed["counts"][left] == parts["counts"][left]).all()
    assert (modality.corrupt(parts, 1.0, generator)[0]["counts"] == 0).all()
    told = modality.content(changed).codes
    assert (told[hidden] == -1).all()
    assert (told[2, 2:] == -1).all()
    assert modality.content(parts).codes[2, :2].tolist() == [7, 9]
