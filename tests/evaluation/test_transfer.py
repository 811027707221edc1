"""What helps is found where one task tells what the other one asks, and a poison stays where it is put."""

import json

import numpy as np
import pandas as pd
import pytest

from polymodal.core import UsageProblem
from polymodal.evaluation.arms import Bench
from polymodal.evaluation.transfer import Poison, transfer
from polymodal.report.transferred import transfer_page
from polymodal.spec import Spec
from tests.tasks.atoms import springs

ATOMS = """
data: {table: t.parquet, split: {test: 0.5}}
modalities: {atoms: {type: structure, column: places, numbers: numbers, tokens: atoms, encoder: vectors}}
tasks:
  molecule: {type: potential, target: energy, of: atoms, forces: forces, dipole: dipole}
  size: {type: regression, target: size}
model: {width: 16}
train: {epochs: 2, members: 1, batch_size: 16}
"""
SPEC = """
data: {table: t.csv, split: {test: 0.5}}
modalities: {x: {type: table, columns: ["x*"]}}
tasks:
  few: {type: regression, target: few}
  many: {type: regression, target: many}
model: {width: 16}
train: {epochs: 12, members: 1, batch_size: 32, lr: 5e-3}
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Two tasks that are one, of which one has few labels to learn from, and its answers spoilt besides."""
    folder = tmp_path_factory.mktemp("transfer")
    draw = np.random.default_rng(0)
    x = draw.normal(size=(600, 6))
    answer = np.tanh(x[:, 0] * x[:, 1]) + 0.5 * x[:, 2]
    frame = pd.DataFrame(x, columns=[f"x{place}" for place in range(6)])
    frame["many"] = answer + 0.1 * draw.normal(size=600)
    frame["few"] = (answer + 0.1 * draw.normal(size=600)).round(5)
    frame.to_csv(folder / "t.csv", index=False)
    bench = Bench(Spec.from_text(SPEC, folder), folder / "runs", [0, 1])
    return folder, transfer(bench, Poison("few", 0.9), ["branches"])


def test_all_that_is_promised_is_there(found):
    _, made = found
    assert list(made.headlines) == ["few", "many"]
    assert set(made.gains) == set(made.alone) == set(made.together) == {"few", "many"}
    assert made.helps["few"]["many"] == made.gains["few"]  # of two tasks, all but one is the other alone
    assert made.alone["many"] > 0.2
    json.dumps(made.as_dict(), allow_nan=False)


def test_gradients_of_the_same_question_agree(found):
    _, made = found
    steps = made.cosines["few, many"]
    assert len(steps) >= 10
    assert np.mean([cosine for _, cosine in steps]) > 0.5


def test_wrong_answers_hurt_their_own_task(found):
    _, made = found
    (spread,) = made.spread.values()
    assert spread["few"].sure == -1
    assert any("Harm done to few" in line for line in made.sentences)


def test_another_way_of_sharing_is_held_against_the_spec(found):
    folder, made = found
    assert set(made.shared["branches"]) == {"few", "many"}
    assert (folder / "runs" / "together_with-branches_seed-0" / "metrics.json").is_file()
    assert any("Shared by branches" in line for line in made.sentences)


def test_the_page_holds_every_figure(found):
    folder, made = found
    page = transfer_page(made, folder / "t.html", "two <tasks>").read_text()
    assert page.count("<svg") == 5  # gains, matrix, cosines, spread, shared
    assert "two &lt;tasks&gt;" in page
    assert "<script" not in page
    shown = page.replace("\u2212", "-")
    assert all(line.replace("'", "&#39;") in shown for line in made.sentences)


def test_a_single_task_and_a_strange_poison_are_refused(found):
    folder, _ = found
    spec = Spec.from_text(SPEC, folder)
    with pytest.raises(UsageProblem, match="too-few-tasks"):
        transfer(Bench(spec.only(["few"]), folder / "runs", [0]))
    with pytest.raises(UsageProblem, match="did you mean"):
        transfer(Bench(spec, folder / "runs", [0]), Poison("fw"))


def test_each_aspect_of_a_task_is_asked_apart(tmp_path):
    frame = springs(120)
    frame["size"] = [float(len(numbers)) for numbers in frame["numbers"]]
    frame.to_parquet(tmp_path / "t.parquet")
    spec = Spec.from_text(ATOMS, tmp_path)
    made = transfer(Bench(spec, tmp_path / "runs", [0, 1]))
    parts = ["molecule.energy", "molecule.forces", "molecule.dipole"]
    assert made.tasks == dict.fromkeys(parts, "molecule") | {"size": "size"}
    assert set(made.gains) == set(made.headlines) == {*parts, "size"}
    assert {asked: list(others) for asked, others in made.helps.items()} == (
        {part: ["size"] for part in parts} | {"size": ["molecule"]}
    )
    assert {"molecule.energy, molecule.forces", "molecule.forces, size"} <= set(made.cosines)
    page = transfer_page(made, tmp_path / "t.html", "atoms").read_text()
    assert "polymodal transfer · 2 tasks" in page
    assert "molecule.forces is" in page
