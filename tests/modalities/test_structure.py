"""The structure modality beyond what the contract kit holds every modality to."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal.core.seeding import torch_generator
from polymodal.data import inference
from polymodal.data.base import DataTable
from polymodal.data.structures import HIDDEN
from polymodal.data.tables import read_table
from polymodal.modalities import Structure
from polymodal.testing import check_modality

OPTIONS = [
    {"numbers": "z"},
    {"tokens": "atoms", "neighbours": 3},
    {"jitter": 0.05, "hide": 0.2, "dropout": 0.1, "cache_megabytes": 0.0},
    {"encoder": "vectors", "numbers": "z", "tokens": "atoms"},
    {"encoder": "distances", "layers": 1, "waves": 8, "radius": 2.0},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_choice_keeps_the_contract(options: dict[str, object]) -> None:
    check_modality(Structure("r", **options))


def fitted(rows: int = 40, **options: object) -> tuple[Structure, dict[str, torch.Tensor]]:
    modality = Structure("r", **options)
    table = modality.example(rows, 0)
    modality.reader.fit(table, np.arange(rows))
    values, _ = modality.reader.collate(modality.reader.read(table), np.arange(rows))
    return modality, dict(values.data)


def test_atoms_are_moved_by_what_is_asked_for_and_nothing_else() -> None:
    modality, parts = fitted(jitter=0.03)
    moved = modality.perturb(parts, torch_generator(0, "x"))
    away, there = moved["positions"] - parts["positions"], parts["numbers"] != 0
    assert 0.025 < float(away[there].std()) < 0.035
    assert (away[~there] == 0).all()
    assert torch.equal(moved["numbers"], parts["numbers"])
    still, parts = fitted()
    assert still.perturb(parts, torch_generator(0, "x")) is parts


def test_hidden_elements_are_told_by_the_content() -> None:
    modality, parts = fitted()
    changed, hidden = modality.corrupt(parts, 0.4, torch_generator(0, "x"))
    there = parts["numbers"] != 0
    assert 0.3 < float(hidden[there].float().mean()) < 0.5
    assert (changed["numbers"][hidden] == HIDDEN).all()
    assert torch.equal(changed["positions"], parts["positions"])
    codes = modality.content(parts).codes
    assert torch.equal(codes[there], parts["numbers"][there])
    assert (codes[~there] == -1).all()
    assert (modality.content(changed).codes[hidden] == -1).all()


def test_an_attack_moves_atoms_and_moves_tokens() -> None:
    modality, parts = fitted()
    net = modality.build_encoder(16).eval()
    positions = parts["positions"].clone().requires_grad_()
    net({**parts, "positions": positions}).values.square().sum().backward()
    assert positions.grad is not None
    radius = modality.budget()["positions"].radius
    attacked = {**parts, "positions": parts["positions"] + radius * positions.grad.sign()}
    assert net(attacked).values.square().sum() > net(parts).values.square().sum()


def test_a_distance_is_learned_however_the_molecule_lies() -> None:
    """Three atoms in a triangle, turned at random: how far apart are the two that are alike?"""
    draw, rows = np.random.default_rng(0), 240
    half = draw.uniform(0.5, 1.2, rows)
    places = np.zeros((rows, 3, 3))
    places[:, 1, 0], places[:, 2, 0], places[:, 1:, 1] = half, -half, 0.8
    turns = np.linalg.qr(draw.normal(size=(rows, 3, 3)))[0]
    places = places @ turns + draw.normal(0, 5, (rows, 1, 3))
    order = draw.permuted(np.tile(np.arange(3), (rows, 1)), axis=1)
    frame = pd.DataFrame(
        {
            "z": [np.array([8, 1, 1])[each] for each in order],
            "r": [place[each] for place, each in zip(places, order, strict=True)],
        }
    )
    modality, table = Structure("r", "z"), DataTable(frame)
    modality.reader.fit(table, np.arange(160))
    cells = modality.reader.read(table)
    torch.manual_seed(0)
    encoder, head = modality.build_encoder(16), torch.nn.Linear(16, 1)
    optimiser = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=5e-3)
    truth = torch.from_numpy(half).float()

    def said(chosen: np.ndarray) -> torch.Tensor:
        return head(encoder(modality.reader.collate(cells, chosen)[0].data).values[:, 0]).flatten()

    for step in range(60):
        chosen = np.arange(step % 5 * 32, step % 5 * 32 + 32)
        loss = (said(chosen) - truth[chosen]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        error = (said(np.arange(160, 240)) - truth[160:]).abs().mean()
    assert error < 0.05  # a guess has 0.18


@pytest.mark.parametrize("ending", [".xyz", ".sdf"])
def test_init_takes_files_of_atoms_for_structures(tmp_path: Path, ending: str) -> None:
    names = [f"m{place}{ending}" for place in range(12)]
    for name in names:
        (tmp_path / name).write_text("not opened")
    frame = pd.DataFrame({"path": names, "toxic": ["no"] * 6 + ["yes"] * 6})
    frame.to_csv(tmp_path / "molecules.csv", index=False)
    proposal = inference.propose(read_table(tmp_path / "molecules.csv"), ["toxic"])
    assert proposal["modalities"] == {"path": {"type": "structure", "column": "path"}}
