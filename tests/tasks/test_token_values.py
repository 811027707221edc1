"""A number for each token: what is read, what is refused, what is learned and how it is judged."""

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal.core import DataError, Representation, Tokens, Values
from polymodal.core.seeding import seeded
from polymodal.data.base import DataTable
from polymodal.data.samples import Samples
from polymodal.fusion import Late
from polymodal.modalities import Protein
from polymodal.model import Ensemble, Model
from polymodal.run.judging import written
from polymodal.tasks import TokenValues
from polymodal.training.predicting import answers, outputs

SEQUENCES = ["MKV", "GGGGG", "AC", None, "MKV"]
VALUES = ["1;;3", [0.0, 1.0, None, 4.0, np.nan], "1;2;3", "1;2", None]


def table(cells=VALUES, **other) -> DataTable:
    columns = {"sequence": pd.Series(SEQUENCES, dtype="str"), "rsa": pd.Series(cells, dtype=object)}
    return DataTable(pd.DataFrame(columns | {name: pd.Series(part, dtype=object) for name, part in other.items()}))


def samples(task, held, protein=None) -> Samples:
    protein = protein or Protein("sequence", tokens="residues")
    rows = np.arange(len(held))
    for reader in (protein.reader, task.reader):
        reader.fit(held, rows)
    return Samples.read(held, {"protein": protein.reader}, {"rsa": task.reader})


def test_numbers_stand_beside_their_tokens_and_others_are_refused():
    task = TokenValues("rsa", of="protein")
    batch = samples(task, table()).batch(np.arange(5))
    target = batch.targets["rsa"]
    assert target.index.tolist() == [0, 1, -1, 2, -1]
    assert task.truth(target.data["target"]).tolist() == [[1, None, 3], [0, 1, None, 4, None], [1, 2]]
    (refusal,) = batch.refusals
    assert (refusal.row, refusal.column) == (2, "rsa")
    assert refusal.reason == 'holds 3 numbers for the 2 tokens of "protein" in this row'
    known = [1, 3, 0, 1, 4, 1, 2, 3, 1, 2]  # a misfit is found out later than what is learned
    assert task.reader.state() == {"mean": pytest.approx(np.mean(known)), "spread": pytest.approx(np.std(known))}


def test_what_is_no_number_is_refused_by_row_and_what_is_endless_by_token():
    task = TokenValues("rsa", of="protein", separator=",")
    samples(task, table(["1,2,3"] * 5))
    cells = task.reader.read(table(["1,x,3", "inf,2,nan", 7.0, {"a": 1}, ",,"]))
    assert [refusal.row for refusal in cells.refusals] == [0, 2, 3, 1]
    assert cells.refusals[0].reason == '"x" in a list of numbers is no number'
    assert cells.present.tolist() == [False, True, False, False, True]
    np.testing.assert_array_equal(cells.values[1], [np.nan, 2, np.nan])
    assert np.isnan(cells.values[4]).all()


@pytest.mark.parametrize("cells", [["2;2"] * 5, ["1", "2", "3", "4", "5"], [None] * 5])
def test_one_number_a_row_or_one_value_is_no_such_task(cells):
    with pytest.raises(DataError, match=r"constant-target|no-token-values"):
        TokenValues("rsa", of="protein").reader.fit(table(cells), np.arange(5))


@pytest.mark.parametrize("mask", ["101", "1;0;1", [1, 0, 1], [True, False, True], ["1.0", "0.0", "1"]])
def test_a_mask_takes_answers_away(mask):
    task = TokenValues("rsa", of="protein", mask="seen")
    held = table(["1;9;3", None, None, None, "4;5;6"], seen=[mask, None, None, None, None])
    target = samples(task, held).batch(np.arange(5)).targets["rsa"]
    assert task.truth(target.data["target"]).tolist() == [[1, None, 3], [4, 5, 6]]  # an empty mask masks nothing
    assert task.reader.content.mean == pytest.approx(np.mean([1, 3, 4, 5, 6]))


def test_a_mask_that_does_not_fit_refuses_its_row():
    task = TokenValues("rsa", of="protein", mask="seen")
    held = table(["1;9;3", "1;2;3;4;5", None, "1;2", "4;5;6"], seen=["10", "1;2;1;1;1", None, 4.5, "111"])
    cells = samples(task, held).targets["rsa"][1]
    assert cells.present.tolist() == [False, False, False, False, True]
    assert {(refusal.row, refusal.column) for refusal in cells.refusals} == {(0, "seen"), (1, "seen"), (3, "seen")}
    assert cells.refusals[0].reason == "a mask of 2 for 3 numbers"


def test_only_known_tokens_are_learned_from():
    task = TokenValues("rsa", of="a", loss="absolute")
    task.reader.restore({"mean": 1.0, "spread": 2.0})
    head = task.head(1, 4, "mean")
    values = torch.randn(2, 3, 4)
    mask = torch.tensor([[True, True, False], [True, True, True]])
    values[0, 2] = torch.nan  # nothing is there
    values.requires_grad_()
    seen = Representation(torch.zeros(2, 1, 4), torch.ones(2, 1).bool(), "mean", {"a": Tokens(values, mask)}, {})
    target = torch.tensor([[3.0, torch.nan, torch.inf], [torch.nan] * 3], dtype=torch.float64)
    (loss,) = head.teach(seen, Values({"target": target}, torch.tensor([0, 1])))
    assert torch.isclose(loss, (head.linear(values[0, 0])[0] - 1.0).abs())  # (3 - 1) / 2
    (slope,) = torch.autograd.grad(loss, values)
    assert (slope[0, 0] != 0).all()
    assert (slope[0, 1:] == 0).all()
    assert (slope[1] == 0).all()


@pytest.mark.parametrize("loss", ["squared", "absolute", "huber"])
def test_numbers_are_learned(loss):
    task, protein = TokenValues("rsa", of="protein", loss=loss), Protein("sequence", tokens="residues", hide=0.0)
    held = samples(task, table(["10;20;30", "40;41;42;;44", "1;2", None, None]), protein)
    with seeded(0, "model"):
        model = Model({"protein": protein}, {"rsa": task}, Late(), 16)
    batch = held.batch(np.arange(5))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        losses = model.heads["rsa"].teach(model.represent(batch), batch.targets["rsa"])
        optimiser.zero_grad()
        losses.mean().backward()
        optimiser.step()
    made = outputs(model.eval(), held, np.arange(5), batch_size=2)
    decoded, truth, _ = answers(model, held, np.arange(5), made)["rsa"]
    assert task.metrics(decoded, truth)["pearson"] > 0.9
    assert [len(each) for each in task.decode(made["rsa"]).prediction] == [3, 5, 2, 0, 3]
    cells = written(decoded.prediction, ())
    assert [float(part) for part in cells[0].split(";")] == pytest.approx(decoded.prediction[0], rel=1e-5)
    assert written(truth, ())[1] == "40;41;42;;44"
    both = Ensemble([model, model])
    torch.testing.assert_close(outputs(both, held, np.arange(5), batch_size=2)["rsa"], made["rsa"])
