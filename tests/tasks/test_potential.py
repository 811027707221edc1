"""Energies, forces and dipoles: physics that holds before anything is learned, and what is learned."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal import run
from polymodal.core import UsageProblem
from polymodal.data.base import DataTable
from polymodal.data.samples import Samples
from polymodal.fusion import CoAttention, Early
from polymodal.modalities import Structure
from polymodal.model import Ensemble, Model
from polymodal.report import build_report
from polymodal.spec import Spec
from polymodal.tasks import Potential
from polymodal.tasks.energies import BEFORE
from polymodal.testing import FakeModality, check_task
from polymodal.training.gradients import all_losses, means
from tests.tasks.atoms import model_of, moved, springs, told

ENCODERS = ["vectors", "distances"]


def unchanged(places: torch.Tensor) -> torch.Tensor:
    return places


@pytest.mark.parametrize("encoder", ENCODERS)
def test_forces_are_minus_the_slope_of_the_energy(encoder: str) -> None:
    model, samples = model_of(springs(4), {"encoder": encoder})
    model, batch, step = model.double(), samples.batch(np.arange(4)), 1e-4
    said = told(model, moved(batch, unchanged))
    forces = said[:, BEFORE:].reshape(4, 4, 4)[..., :3]
    assert forces.abs().max() > 1e-3
    for atom in range(3):
        for axis in range(3):
            nudge = torch.zeros(4, 4, 3, dtype=torch.float64)
            nudge[:, atom, axis] = step
            ahead, behind = (told(model, moved(batch, lambda p, n=n: p + n))[:, 0] for n in (nudge, -nudge))
            assert (forces[:, atom, axis] + (ahead - behind) / (2 * step)).abs().max() < 1e-5


@pytest.mark.parametrize("encoder", ENCODERS)
def test_what_is_told_turns_with_the_molecule(encoder: str) -> None:
    model, samples = model_of(springs(4), {"encoder": encoder})
    model, batch = model.double(), samples.batch(np.arange(4))
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64))[0]
    said, turned = (told(model, moved(batch, change)) for change in (unchanged, lambda p: p @ turn))
    assert (said[:, 0] - turned[:, 0]).abs().max() < 1e-10
    assert (said[:, 1:BEFORE] @ turn - turned[:, 1:BEFORE]).abs().max() < 1e-10
    first, second = (each[:, BEFORE:].reshape(4, 4, 4)[..., :3] for each in (said, turned))
    assert (first @ turn - second).abs().max() < 1e-10
    assert first.sum(dim=1).abs().max() < 1e-10  # nothing pulls a molecule along as a whole


def test_a_molecule_far_from_the_others_adds_its_energy() -> None:
    frame = springs(2)
    model, samples = model_of(frame, {"radius": 4.0})
    one, other = (frame.iloc[row] for row in range(2))
    pair = {
        "numbers": [one["numbers"] + other["numbers"]],
        "places": [one["places"] + (np.array(other["places"]) + 30.0).tolist()],
    }
    both = pd.DataFrame({**pair, "energy": [0.0], "forces": [None], "dipole": [None]})
    again = Samples.read(
        DataTable(both), {"atoms": samples.inputs["atoms"][0]}, {"potential": samples.targets["potential"][0]}
    )
    alone, joined = told(model, samples.batch(np.arange(2)))[:, 0], told(model, again.batch(np.arange(1)))[:, 0]
    torch.testing.assert_close(alone.sum(), joined[0], atol=1e-5, rtol=0)


def losses_and_slopes(frame: pd.DataFrame, spoil: Callable[[torch.Tensor], torch.Tensor]) -> tuple[dict, list]:
    model, samples = model_of(frame)
    batch = samples.batch(np.arange(len(frame)))
    batch.targets["potential"].data["target"].copy_(spoil(batch.targets["potential"].data["target"]))
    found = all_losses(model, {}, batch, model.represent(batch))
    slopes = torch.autograd.grad(found["potential.forces"].sum(), list(model.parameters()), allow_unused=True)
    return found, [slope for slope in slopes if slope is not None]


def test_rows_without_forces_teach_none() -> None:
    """The gradient of the loss of forces is, bit for bit, that of the rows that have them."""
    whole = springs(6)
    fewer = whole.copy()
    fewer.loc[[1, 4], "forces"] = None
    found, slopes = losses_and_slopes(fewer, lambda target: target)
    assert {name: len(each) for name, each in found.items()} == {
        "potential.energy": 6,
        "potential.forces": 4,
        "potential.dipole": 6,
    }
    model, samples = model_of(fewer)
    kept = samples.batch(np.array([0, 2, 3, 5]))
    alone = all_losses(model, {}, kept, model.represent(kept))["potential.forces"]
    wanted = torch.autograd.grad(alone.sum(), list(model.parameters()), allow_unused=True)
    for slope, other in zip(slopes, [each for each in wanted if each is not None], strict=True):
        torch.testing.assert_close(slope, other, atol=1e-6, rtol=1e-4)


def test_a_row_without_forces_gives_exactly_no_gradient() -> None:
    frame = springs(3)
    frame.loc[1, "forces"] = None
    model, samples = model_of(frame)
    batch = samples.batch(np.arange(3))
    seen = model.represent(batch)
    loss = all_losses(model, {}, batch, seen)["potential.forces"].sum()
    slope = torch.autograd.grad(loss, seen.inputs["atoms"].data["positions"])[0]
    assert (slope[1] == 0).all()
    assert (slope[0] != 0).any()
    assert (slope[2] != 0).any()


def test_each_part_may_be_missing_by_itself() -> None:
    frame = springs(6)
    frame.loc[0, "energy"] = np.nan
    frame.loc[[1, 2], "dipole"] = None
    frame.loc[3, ["places", "numbers"]] = None
    model, samples = model_of(frame.astype({"places": object, "numbers": object}))
    batch = samples.batch(np.arange(6))
    found = all_losses(model, {}, batch, model.represent(batch))
    assert [len(each) for each in found.values()] == [4, 5, 3]
    assert torch.isfinite(means(model, found)).all()
    decoded = model.tasks["potential"].decode(told(model, batch))
    assert np.isnan(decoded.prediction["energy"][3])
    assert decoded.prediction["forces"][3] == []
    assert [len(forces) for forces in decoded.prediction["forces"][:3]] == [9, 12, 9]


def test_rows_that_share_a_molecule_do_not_share_its_slope() -> None:
    frame = springs(2)
    model, samples = model_of(frame)
    once, twice = (told(model, samples.batch(np.array(rows))) for rows in ([0, 1], [0, 0, 1, 0]))
    torch.testing.assert_close(once[[0, 0, 1, 0]], twice, atol=1e-5, rtol=0)


def test_it_learns_springs() -> None:
    model, samples = model_of(springs(160), {"layers": 1})
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for step in range(64):
        batch = samples.batch(np.arange(step % 8 * 16, step % 8 * 16 + 16))
        loss = means(model, all_losses(model, {}, batch, model.represent(batch))).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    task, batch = model.tasks["potential"], samples.batch(np.arange(128, 160))
    target = batch.targets["potential"].data["target"]
    explained = {
        aspect.name: task.metrics(aspect.decoded, aspect.truth)["r2"]
        for aspect in task.aspects(task.decode(told(model, batch)), task.truth(target))
    }
    assert set(explained) == {"energy", "forces", "dipole"}
    assert min(explained.values()) > 0.7, explained


@pytest.mark.parametrize("fusion", [CoAttention(), Early()], ids=lambda each: type(each).__name__)
def test_forces_can_be_learned_behind_attention_to_other_modalities(fusion: torch.nn.Module) -> None:
    """The fast kernels of attention have no second derivative: they must not be used here."""
    frame = springs(6).assign(first="0.5", second="1.5")
    structure, other = Structure("places", "numbers", encoder="vectors", tokens="atoms", layers=1), FakeModality()
    task = Potential("energy", "atoms", forces="forces")
    table = DataTable(frame)
    for part in (structure, other, task):
        part.reader.fit(table, np.arange(6))
    model = Model({"atoms": structure, "other": other}, {"potential": task}, fusion, 16)
    inputs = {"atoms": structure.reader, "other": other.reader}
    batch = Samples.read(table, inputs, {"potential": task.reader}).batch(np.arange(6))
    means(model, all_losses(model, {}, batch, model.represent(batch))).sum().backward()
    slopes = [weight.grad for weight in model.encoders["atoms"].parameters()]
    assert all(slope is not None and torch.isfinite(slope).all() for slope in slopes)


def test_several_models_answer_together() -> None:
    frame = springs(4)
    models = [model_of(frame)[0] for _ in range(2)]
    samples = model_of(frame)[1]
    batch = samples.batch(np.arange(4))
    torch.testing.assert_close(told(Ensemble(models), batch), told(models[0], batch))


def test_a_fixed_balance_multiplies_the_losses() -> None:
    frame = springs(4)
    found = []
    for fixed in (None, {"forces": 3.0}):
        model, samples = model_of(frame, task={"fixed": fixed})
        batch = samples.batch(np.arange(4))
        found.append(means(model, all_losses(model, {}, batch, model.represent(batch))))
    torch.testing.assert_close(found[1] / found[0], torch.tensor([1.0, 3.0, 1.0]))


def test_without_a_dipole_none_is_told() -> None:
    model, samples = model_of(springs(3), task={"dipole": None, "forces": None})
    task = model.tasks["potential"]
    decoded = task.decode(told(model, samples.batch(np.arange(3))))
    assert decoded.prediction.dtype.names == ("energy", "forces")
    assert list(task.parts) == ["energy"]
    assert model.balanced == {"potential.energy": task}


def test_one_token_for_a_structure_is_refused() -> None:
    model, samples = model_of(springs(3), {"tokens": "pooled"})
    with pytest.raises(UsageProblem, match="tokens: atoms"):
        told(model, samples.batch(np.arange(3)))


def test_a_table_of_its_own_keeps_the_contract() -> None:
    frame = springs(30).drop(columns=["numbers", "places"])
    frame.loc[::5, ["energy"]] = np.nan
    frame.loc[::5, ["forces", "dipole"]] = None
    check_task(Potential("energy", "first", dipole="dipole"), DataTable(frame))


def test_a_run_from_table_to_report(tmp_path: Path) -> None:
    """Parts are balanced, judged and written apart, also where a table has no answers at all."""
    frame = springs(60)
    frame.loc[3, "forces"] = None
    frame.to_parquet(tmp_path / "frames.parquet", index=False)
    given = {
        "version": 1,
        "data": {"table": "frames.parquet", "split": {"test": 0.3}},
        "modalities": {
            "atoms": {
                "type": "structure",
                "column": "places",
                "numbers": "numbers",
                "encoder": "vectors",
                "layers": 1,
                "tokens": "atoms",
            }
        },
        "tasks": {
            "potential": {
                "type": "potential",
                "of": "atoms",
                "target": "energy",
                "forces": "forces",
                "dipole": "dipole",
            }
        },
        "model": {"width": 8},
        "train": {"epochs": 1, "members": 1, "balancer": {"type": "nash_mtl"}},
    }
    told = run.fit(Spec.from_dict(given, tmp_path), tmp_path / "run")
    assert set(told["tasks"]) == {"potential.energy", "potential.forces", "potential.dipole"}
    assert all(task["headline"] == "mae" for task in told["tasks"].values())
    build_report(tmp_path / "run")
    kept = pd.read_parquet(tmp_path / "run" / "predictions.parquet")
    parts = ["energy", "forces", "dipole"]
    assert {f"potential.{part}.{what}" for part in parts for what in ("target", "prediction")} <= set(kept.columns)
    off = (kept["potential.energy.target"].astype(float) - kept["potential.energy.prediction"]).abs()
    assert off.mean() == pytest.approx(told["tasks"]["potential.energy"]["metrics"]["mae"], rel=1e-6)
    frame[["places", "numbers"]].to_parquet(tmp_path / "new.parquet", index=False)
    run.predict(tmp_path / "run", tmp_path / "new.parquet", tmp_path / "made.csv")
    made = pd.read_csv(tmp_path / "made.csv")
    assert made["potential.energy.prediction"].notna().all()
    assert len(made["potential.forces.prediction"][0].split(";")) == 9


def test_atoms_that_come_closer_than_in_training_are_pushed_apart() -> None:
    model, samples = model_of(springs(4), task={"repulsion": True})
    plain, _ = model_of(springs(4))
    plain.load_state_dict(model.state_dict(), strict=False)
    model.train()(samples.batch(np.arange(4)))
    model, plain, batch = model.eval().double(), plain.double(), samples.batch(np.arange(4))
    seen, nearer = (lambda p: p), (lambda p: 0.5 * p)
    torch.testing.assert_close(told(model, moved(batch, seen)), told(plain, moved(batch, seen)))
    more = told(model, moved(batch, nearer)) - told(plain, moved(batch, nearer))
    assert (more[:, 0] > 0.1).all()
    # What is added is a potential, too: forces are its slopes, which push every atom outwards.
    forces = more[:, BEFORE:].reshape(4, 4, 4)[..., :3]
    places = batch.inputs["atoms"].data["positions"].double()
    outwards = (forces * (places - places.sum(1, keepdim=True) / 3)).sum(dim=(1, 2))
    assert (outwards > 0).all()
