"""Proteins are told apart by what stands in their sequences; each residue can have a token."""

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal.data.residues import FIRST, HIDDEN, UNKNOWN
from polymodal.data.tables import from_frame
from polymodal.modalities import Protein
from polymodal.testing import check_modality

SIGNS = np.array(list("ACDEFGHIKLMNPQRSTVWY"))


def fitted(modality: Protein, cells: list[str], train: int | None = None) -> tuple[Protein, dict[str, torch.Tensor]]:
    table, rows = from_frame(pd.DataFrame({"chain": cells})), np.arange(len(cells))
    modality.reader.fit(table, rows[:train])
    values, _ = modality.reader.collate(modality.reader.read(table), rows)
    return modality, values.data


def chains(rows: int, motif: str) -> tuple[list[str], np.ndarray]:
    """Random sequences; half of them hold a motif somewhere."""
    draw = np.random.default_rng(0)
    made, has = [], np.arange(rows) % 2
    for row in range(rows):
        signs = "".join(draw.choice(SIGNS, int(draw.integers(30, 60))))
        place = int(draw.integers(0, len(signs) - len(motif)))
        made.append(signs[:place] + motif + signs[place + len(motif) :] if has[row] else signs)
    return made, has


@pytest.mark.parametrize("encoder", ["convolution", "transformer"])
@pytest.mark.parametrize("tokens", ["pooled", "residues"])
def test_every_encoder_gives_one_token_or_one_for_each_residue(encoder, tokens):
    modality, parts = fitted(Protein("chain", encoder, tokens, layers=1), ["MKVLAAGIWD", "ACD"])
    torch.manual_seed(0)
    made = modality.build_encoder(8).eval()(parts)
    assert made.values.shape == (2, 1 if tokens == "pooled" else 10, 8)
    assert made.mask.sum(dim=1).tolist() == ([1, 1] if tokens == "pooled" else [10, 3])
    if tokens == "residues":
        assert made.positions[0, :, 0].tolist() == list(range(10))


@pytest.mark.parametrize(
    "options",
    [
        {"encoder": "transformer"},
        {"encoder": "pieces"},
        {"encoder": "convolution"},
        {"tokens": "residues"},
        {"hide": 0.0},
    ],
    ids=str,
)
def test_every_choice_keeps_the_contract(options):
    check_modality(Protein("chain", **options))


def test_pieces_and_a_convolution_give_a_token_each_and_pieces_have_no_residues():
    modality, parts = fitted(Protein("chain"), ["MKVLAAGIWD", "ACD", "XBX"])
    assert modality.chosen()[0] == "both"
    made = modality.build_encoder(8).eval()(parts)
    assert made.mask.tolist() == [[True, True], [True, True], [False, True]]
    assert Protein("chain", tokens="residues").chosen()[0] == "convolution"
    with pytest.raises(ValueError, match="no residues"):
        Protein("chain", encoder="both", tokens="residues")


@pytest.mark.parametrize("encoder", ["both", "convolution", "pieces"])
def test_a_motif_is_learned_wherever_it_stands(encoder):
    cells, has = chains(240, "WCWHCM")
    modality, parts = fitted(Protein("chain", encoder), cells, train=160)
    torch.manual_seed(0)
    net, head, truth = modality.build_encoder(16), torch.nn.Linear(16, 1), torch.from_numpy(has).float()
    optimiser = torch.optim.AdamW([*net.parameters(), *head.parameters()], lr=3e-3)
    for step in range(120):
        rows = torch.arange(step % 5 * 32, step % 5 * 32 + 32)
        said = head(net({"codes": parts["codes"][rows]}).values.mean(dim=1)).flatten()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(said, truth[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        said = head(net.eval()({"codes": parts["codes"][160:]}).values.mean(dim=1)).flatten()
    assert ((said > 0) == (truth[160:] > 0)).float().mean() > 0.9


def test_what_is_hidden_or_unsure_is_marked_as_such():
    modality, parts = fitted(Protein("chain", hide=0.5), ["MKVLAAGIWD" * 20, "AXA"])
    generator = torch.Generator().manual_seed(0)
    changed = modality.perturb(parts, generator)["codes"]
    moved = changed != parts["codes"]
    assert (changed[moved] == UNKNOWN).all()
    assert 0.4 < moved[0].float().mean() < 0.6
    codes, hidden = modality.corrupt(parts, 0.3, generator)
    assert ((codes["codes"] == HIDDEN) == hidden).all()
    assert not hidden[1, 1]
    told = modality.content(parts).codes
    assert (told[0] >= FIRST).all()
    assert told[1, :4].tolist()[1] == -1
    assert told[1, 3] == -1
