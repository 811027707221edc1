"""Decisions of runs that were taught apart, averaged token by token."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal import run
from polymodal.core import UsageProblem
from polymodal.evaluation.together import mean_decisions, told_together
from polymodal.spec import Spec
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


def taught(folder: Path, name: str, table: Path) -> run.Run:
    plain = {
        "data": {"table": str(table), "split": {"column": "part", "test": ["c"], "validation": 0}},
        "modalities": {"protein": {"type": "protein", "column": "sequence", "tokens": "residues"}},
        "tasks": {"fold": {"type": "token_labels", "target": "fold", "of": "protein", "separator": ""}},
        "model": {"width": 8},
        "train": {"epochs": 1, "members": 1},
    }
    run.fit(Spec.from_dict(plain), folder / name)
    return run.open_run(folder / name)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """Two tables of the same proteins, the second with a label more."""
    folder = tmp_path_factory.mktemp("together")
    draw = np.random.default_rng(0)
    texts = ["".join(draw.choice(list("AGVK"), 6)) for _ in range(12)]
    held = pd.DataFrame({"sequence": texts, "part": list("ab") * 5 + ["c", "c"]})
    for name, third in (("two", "E"), ("three", "C")):
        fold = [text.translate(str.maketrans("AGVK", f"HHE{third}")) for text in texts]
        held.assign(fold=fold).to_csv(folder / f"{name}.csv", index=False)
    return folder, [folder / "two.csv", folder / "three.csv"]


def test_runs_of_one_division_are_asked_together(tables: tuple[Path, list[Path]]) -> None:
    folder, (two, three) = tables
    one, other = taught(folder, "one", two), taught(folder, "other", three)
    decoded, truth = told_together([one, one], "fold")
    fitted = one.fitted
    own = outputs(fitted.model, fitted.samples, fitted.split.test)["fold"]
    assert decoded.prediction.tolist() == fitted.model.tasks["fold"].decode(own).prediction.tolist()
    assert [len(each) for each in truth] == [6, 6]
    with pytest.raises(UsageProblem, match="runs-misfit"):
        told_together([one, other], "fold")
