"""Rows of one kind come to lie together, and are judged without finding themselves."""

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal import run
from polymodal.core import DataError, Representation, Values
from polymodal.data.base import DataTable
from polymodal.spec import Spec
from polymodal.tasks import Embedding
from polymodal.tasks.embedding import KindColumn, supervised_contrast


def unit(*angles: float) -> torch.Tensor:
    turned = torch.tensor(angles, dtype=torch.float64) * torch.pi / 180
    return torch.stack([turned.cos(), turned.sin()], dim=1)


def test_the_loss_is_that_of_the_paper():
    places, kinds = unit(0, 40, 100, 190), torch.tensor([0, 0, 1, 1])
    scale = torch.tensor(5.0).log()
    found = supervised_contrast(places, kinds, scale)
    likeness = (5.0 * places @ places.T).exp()
    for row, other in ((0, 1), (1, 0), (2, 3), (3, 2)):
        rest = likeness[row].sum() - likeness[row, row]
        assert found[row] == pytest.approx(float(-(likeness[row, other] / rest).log()))


def test_with_several_kin_the_mean_is_over_them_and_rows_without_kin_teach_nothing():
    places, scale = unit(0, 10, 50, 200), torch.tensor(2.0).log()
    three = supervised_contrast(places, torch.tensor([7, 7, 7, 3]), scale)
    assert three.shape == (3,)
    likeness = (2.0 * places @ places.T).exp()
    rest = likeness[0].sum() - likeness[0, 0]
    assert three[0] == pytest.approx(float(-((likeness[0, [1, 2]] / rest).log()).mean()))
    assert supervised_contrast(places, torch.arange(4), scale).shape == (0,)


def test_ranks_pass_over_the_row_itself():
    task = Embedding("kind")
    vectors = unit(0, 5, 90, 100, 20, 0).float().numpy()
    vectors[5] = 0.0  # nothing is known of it
    decoded = task.decode(torch.from_numpy(vectors))
    (found,) = task.aspects(decoded, np.array([0, 0, 1, 1, 2, 0]))
    assert found.rows.tolist() == [True, True, True, True, False, False]
    assert found.decoded.prediction.tolist() == [1.0, 1.0, 1.0, 1.0]
    (found,) = task.aspects(decoded, np.array([0, 1, 0, 1, 2, 3]))
    assert found.decoded.prediction.tolist() == [3.0, 4.0, 4.0, 3.0]
    assert task.metrics(found.decoded, found.truth)["recall_at_5"] == 1.0
    (nobody,) = task.aspects(decoded, np.arange(6))
    assert len(nobody.decoded.prediction) == 0


def test_new_kinds_have_numbers_and_rows_without_a_kind_none():
    table = DataTable(pd.DataFrame({"kind": ["a", "b", "", "c", "c", "a"]}))
    column = KindColumn("kind")
    column.fit(table, np.array([0, 1, 5]))
    cells = column.read(table)
    assert cells.present.tolist() == [True, True, False, True, True, True]
    assert cells.values[cells.present].tolist() == [0, 1, 2, 2, 0]
    assert not cells.refusals


def test_kinds_that_come_once_are_refused():
    with pytest.raises(DataError, match="no-kin"):
        KindColumn("kind").fit(DataTable(pd.DataFrame({"kind": ["a", "b", "c"]})), np.arange(3))


def test_a_row_without_views_is_nowhere_and_teaches_nothing():
    head = Embedding("kind").head(2, 4, "mean")
    mask = torch.tensor([[True, True], [False, False], [True, False]])
    pooled = torch.where(mask.unsqueeze(-1), torch.randn(3, 2, 4), torch.nan)
    made = head(Representation(pooled, mask, "mean", {}, {}))
    assert made[1].abs().sum() == 0
    assert made[[0, 2]].norm(dim=1).tolist() == pytest.approx([1.0, 1.0])
    kinds = Values({"target": torch.tensor([0, 0, 0])}, torch.tensor([0, 1, 2]))
    assert head.teach(Representation(pooled, mask, "mean", {}, {}), kinds).shape == (2,)


def test_kinds_that_were_never_seen_are_told_apart(tmp_path):
    draw = np.random.default_rng(0)
    kinds = np.repeat(np.arange(40), 8)
    centres = draw.normal(size=(40, 3))
    x = np.hstack([centres[kinds] + 0.15 * draw.normal(size=(320, 3)), 3 * draw.normal(size=(320, 5))])
    frame = pd.DataFrame(x, columns=[f"x{place}" for place in range(8)]).assign(kind=[f"k{kind}" for kind in kinds])
    frame.to_csv(tmp_path / "t.csv", index=False)
    text = "data: {table: t.csv, group: kind, split: {test: 0.3}}\nmodalities: {x: {type: table, columns: ['x*']}}\n"
    text += "tasks: {same: {type: embedding, target: kind}}\ntrain: {epochs: 25, members: 1}\n"
    told = run.fit(Spec.from_text(text, tmp_path), tmp_path / "run")["tasks"]["same"]
    assert told["n"] == 96
    plain = torch.nn.functional.normalize(torch.from_numpy((x - x.mean(0)) / x.std(0)), dim=1)
    by_hand = Embedding("kind")
    (floor,) = by_hand.aspects(by_hand.decode(plain[-96:]), kinds[-96:])
    assert told["metrics"]["recall_at_1"] > by_hand.metrics(floor.decoded, floor.truth)["recall_at_1"] + 0.1
    run.predict(tmp_path / "run", tmp_path / "t.csv", tmp_path / "p.parquet")
    made = pd.read_parquet(tmp_path / "p.parquet")["same.prediction"]
    assert len(made[0]) == 64
    assert np.linalg.norm(np.stack(made.to_list()), axis=1) == pytest.approx(np.ones(320), abs=1e-5)
