"""Decisions of runs that were taught apart, averaged token by token."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal.core import UsageProblem
from polymodal.core.seeding import seeded
from polymodal.data.base import DataTable
from polymodal.data.samples import Samples
from polymodal.evaluation.together import mean_decisions, told_together
from polymodal.fusion import Late
from polymodal.modalities import Protein
from polymodal.model import Model
from polymodal.run import Run
from polymodal.tasks import TokenLabels
from polymodal.training.predicting import outputs


def made(*tokens) -> torch.Tensor:
    """Outputs of one row: logits of three classes for each token, None for one that is not there."""
    return torch.tensor([[*(each or (0.0, 0.0, 0.0)), 0.0 if each is None else 1.0] for each in tokens]).view(1, -1)


def test_chances_are_averaged_and_not_logits():
    one, other = made((9.0, 0.0, 0.0), (0.0, 2.0, 0.0)), made((0.0, 1.0, 0.5), (0.0, 1.0, 0.0))
    told = mean_decisions([one, other], 3).view(2, 4)
    wanted = (torch.softmax(one.view(2, 4)[:, :3], 1) + torch.softmax(other.view(2, 4)[:, :3], 1)) / 2
    assert torch.allclose(told[:, :3].exp(), wanted, atol=1e-6)
    assert told[:, 3].tolist() == [1.0, 1.0]
    # A model that is sure outweighs another that hesitates less than its logits would.
    sure, hesitant = made((60.0, 0.0, 0.0)), made((0.0, 2.0, 0.0))
    assert mean_decisions([sure, hesitant, hesitant, hesitant], 3)[0, :3].argmax() == 1


def test_a_token_that_one_model_lacks_is_told_by_the_other():
    told = mean_decisions([made(None, None), made((0.0, 3.0, 0.0), None)], 3).view(2, 4)
    assert torch.allclose(told[0, :3].exp(), torch.softmax(torch.tensor([0.0, 3.0, 0.0]), 0))
    assert told[:, 3].tolist() == [1.0, 0.0]
    assert told[1].tolist() == [0.0] * 4


def test_one_model_says_what_it_says():
    alone = made((1.0, 2.0, 4.0), (3.0, 0.0, 0.0))
    told = mean_decisions([alone], 3).view(2, 4)[:, :3]
    assert torch.allclose(told, alone.view(2, 4)[:, :3].log_softmax(dim=1), atol=1e-6)


def opened(letters: str, seed: int) -> SimpleNamespace:
    """What is asked of a run: a model of the labels of residues that has learned nothing, and rows to ask it."""
    texts = ["AGVK", "GGVAK", "KVAG"]
    folds = [text.translate(str.maketrans("AGVK", letters)) for text in texts]
    table = DataTable(pd.DataFrame({"sequence": texts, "fold": folds}))
    protein, task = Protein("sequence", tokens="residues"), TokenLabels("fold", of="protein", separator="")
    for reader in (protein.reader, task.reader):
        reader.fit(table, np.arange(3))
    samples = Samples.read(table, {"protein": protein.reader}, {"fold": task.reader})
    with seeded(seed, "together"):
        model = Model({"protein": protein}, {"fold": task}, Late(), 8).eval()
    return SimpleNamespace(
        fitted=SimpleNamespace(model=model, samples=samples, split=SimpleNamespace(test=np.array([1, 2])))
    )


def test_runs_of_one_division_are_asked_together() -> None:
    one, other = (cast(Run, opened("HHEE", seed)) for seed in (0, 1))
    decoded, truth = told_together([one, other], "fold")
    assert truth.tolist() == [list("HHEHE"), list("EEHH")]
    made = [outputs(each.fitted.model, each.fitted.samples, np.array([1, 2]))["fold"] for each in (one, other)]
    told = torch.stack([each.view(2, 5, 3)[..., :2].softmax(dim=-1) for each in made]).mean(dim=0)
    assert decoded.prediction[0] == ["EH"[place] for place in told[0].argmax(dim=1)]
    assert len(decoded.prediction[1]) == 4


def test_runs_of_other_labels_are_refused() -> None:
    runs = [cast(Run, opened(letters, 0)) for letters in ("HHEE", "HHEC")]
    with pytest.raises(UsageProblem, match="runs-misfit") as caught:
        told_together(runs, "fold")
    assert "2 labels" in caught.value.found
    assert "3 labels" in caught.value.found
