"""A class for each token: what is read, what is refused, what is learned and how it is judged."""

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal.core import DataError, Representation, Tokens, UsageProblem, Values
from polymodal.core.seeding import seeded
from polymodal.data.base import DataTable
from polymodal.data.samples import Samples
from polymodal.fusion import Late
from polymodal.modalities import Protein, Text
from polymodal.model import Model
from polymodal.tasks import TokenLabels
from polymodal.tasks.metrics import token_scores
from polymodal.training.predicting import answers, outputs

SEQUENCES = ["MKV", "GGGGG", "AC", None, "MKV"]
FOLDS = ["H;E;", ["E", "E", None, "C", np.nan], "H;E;C", "H;E", None]


def table(cells=FOLDS, **other) -> DataTable:
    columns = {"sequence": pd.Series(SEQUENCES, dtype="str"), "fold": pd.Series(cells, dtype=object)}
    return DataTable(pd.DataFrame(columns | other))


def samples(task, held, modality=None) -> Samples:
    modality = modality or Protein("sequence", tokens="residues")
    rows = np.arange(len(held))
    modality.reader.fit(held, rows)
    task.reader.fit(held, rows)
    return Samples.read(held, {"protein": modality.reader}, {"fold": task.reader})


def test_labels_stand_beside_their_tokens_and_others_are_refused():
    task = TokenLabels("fold", of="protein")
    batch = samples(task, table()).batch(np.arange(5))
    target = batch.targets["fold"]
    assert task.classes == ["C", "E", "H"]
    assert target.index.tolist() == [0, 1, -1, 2, -1]
    assert target.data["target"].tolist() == [[2, 1, -1, -2, -2], [1, 1, -1, 0, -1], [2, 1, -2, -2, -2]]
    (refusal,) = batch.refusals
    assert (refusal.row, refusal.column) == (2, "fold")
    assert refusal.reason == 'holds 3 labels for the 2 tokens of "protein" in this row'
    assert task.truth(target.data["target"]).tolist() == [["H", "E", None], ["E", "E", None, "C", None], ["H", "E"]]


def test_each_sign_may_be_a_label():
    task = TokenLabels("fold", of="protein", separator="")
    batch = samples(task, table(["HE ", "CCCEE", "HH", None, "HEH"])).batch(np.arange(5))
    assert batch.targets["fold"].index.tolist() == [-1, 0, 1, -1, 2]  # a blank at the end is cut off: two of three


def test_what_is_no_list_and_what_training_never_saw_is_refused():
    task = TokenLabels("fold", of="protein")
    held = samples(task, table())
    other = table(["H;X;E", 3.5, b"H", ["H", ["E"]], "H;E;E"])
    cells = task.reader.read(other)
    assert [refusal.row for refusal in cells.refusals] == [1, 2, 3, 0]
    assert cells.present.tolist() == [True, False, False, False, True]
    assert cells.values[0].tolist() == [2, -1, 1]
    assert held.targets["fold"][1].present.sum() == 4


def test_one_class_or_one_label_a_row_is_no_such_task():
    for cells in (["H;H"] * 5, ["H", "E", "H", "E", "H"], [None] * 5):
        with pytest.raises(DataError, match="no-token-labels"):
            TokenLabels("fold", of="protein").reader.fit(table(cells), np.arange(5))


def test_tokens_that_stand_for_nothing_cannot_be_labelled():
    task = TokenLabels("fold", of="protein")
    with pytest.raises(DataError, match="no-tokens-to-label"):
        samples(task, table(), Text(["sequence"])).batch(np.arange(5))


def fitted(tokens="residues", **options):
    task, protein = TokenLabels("fold", of="protein", **options), Protein("sequence", tokens=tokens)
    held = samples(task, table(), protein)
    with seeded(0, "model"):
        return Model({"protein": protein}, {"fold": task}, Late(), 8), held, task


def test_a_modality_with_one_token_for_all_is_told_so():
    model, held, _ = fitted("pooled")
    batch = held.batch(np.arange(5))
    with pytest.raises(UsageProblem, match="tokens: residues"):
        model.heads["fold"].teach(model.represent(batch), batch.targets["fold"])


def test_predictions_are_lists_as_long_as_the_tokens():
    model, held, task = fitted()
    made = outputs(model, held, np.arange(5), batch_size=2)
    assert [len(each) for each in task.decode(made["fold"]).prediction] == [3, 5, 2, 0, 3]
    decoded, truth, labelled = answers(model, held, np.arange(5), made)["fold"]
    assert labelled.tolist() == [True, True, False, True, False]
    assert [len(each) for each in decoded.prediction] == [3, 5, 0]
    assert set(task.metrics(decoded, truth)) == {"token_accuracy", "balanced_accuracy", "macro_f1"}


@pytest.mark.parametrize("class_weight", ["none", "balanced"])
def test_labels_are_learned(class_weight):
    model, held, _ = fitted(class_weight=class_weight)
    batch = held.batch(np.arange(5))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        losses = model.heads["fold"].teach(model.represent(batch), batch.targets["fold"])
        assert losses.shape == (2,)  # the row without a sequence teaches nothing
        optimiser.zero_grad()
        losses.mean().backward()
        optimiser.step()
    decoded, truth, _ = answers(model.eval(), held, np.arange(5), outputs(model, held, np.arange(5)))["fold"]
    told = {
        label for one, each in zip(truth, decoded.prediction, strict=True) for label in zip(one, each, strict=False)
    }
    assert {pair for pair in told if pair[0] is not None} == {("H", "H"), ("E", "E"), ("C", "C")}


def test_only_labelled_tokens_are_learned_from():
    head = TokenLabels("fold", of="a")
    head.reader.restore({"classes": ["x", "y"], "counts": [3, 1]})
    net = head.head(1, 4, "mean")
    values = torch.randn(1, 3, 4, requires_grad=True)
    tokens = Tokens(values, torch.ones(1, 3, dtype=torch.bool))
    seen = Representation(torch.zeros(1, 1, 4), torch.ones(1, 1, dtype=torch.bool), "mean", {"a": tokens}, {})
    (loss,) = net.teach(seen, Values({"target": torch.tensor([[0, -1, 1]])}, torch.tensor([0])))
    logits = net.linear(values)[0]
    wanted = (torch.logsumexp(logits[0], 0) - logits[0, 0] + torch.logsumexp(logits[2], 0) - logits[2, 1]) / 2
    assert torch.isclose(loss, wanted)
    (slope,) = torch.autograd.grad(loss, values)
    assert (slope[0, 1] == 0).all()
    assert net.linear.bias.diff() < 0  # it starts from how often each class occurs


def test_scores_of_tokens_are_those_of_all_tokens_together():
    from sklearn.metrics import balanced_accuracy_score, f1_score

    truth = np.empty(3, dtype=object)
    told = np.empty(3, dtype=object)
    truth[:] = [["a", "b", None, "b"], ["c", "c"], ["a"]]
    told[:] = [["a", "a", "b", "b"], ["c", "a"], ["b"]]
    flat = ["a", "b", "b", "c", "c", "a"], ["a", "a", "b", "c", "a", "b"]
    found = token_scores(truth, told, ["a", "b", "c"])
    assert found["token_accuracy"] == pytest.approx(0.5)
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(*flat))
    assert found["macro_f1"] == pytest.approx(f1_score(*flat, average="macro"))
    told[1] = []
    assert token_scores(truth, told, ["a", "b", "c"])["token_accuracy"] == pytest.approx(2 / 6)
