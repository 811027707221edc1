"""A question from a few rows: it helps where nothing is described, changes no weight, and is saved with the model."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from polymodal.core import UsageProblem
from polymodal.data.base import DataTable
from polymodal.data.samples import Samples
from polymodal.model import Ensemble
from polymodal.run import fit, open_run
from polymodal.run.fitting import read_samples
from polymodal.training.few_shot import few_shot
from polymodal.training.predicting import outputs
from tests.tasks.planted import planted
from tests.tasks.test_family import spec


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Ensemble:
    """What a run on a planted family learned."""
    folder = tmp_path_factory.mktemp("few")
    frame = planted().frame
    frame[frame["part"].isin(["train", "test"])].to_csv(folder / "family.csv", index=False)
    fit(spec(folder), folder / "run")
    return open_run(folder / "run").fitted.model


def read(model: Ensemble, frame: pd.DataFrame) -> Samples:
    return read_samples(DataTable(frame.reset_index(drop=True)), model)


def area(model: Ensemble, frame: pd.DataFrame) -> float:
    told = outputs(model, read(model, frame), np.arange(len(frame)))["y"][:, 0]
    return float(roc_auc_score(frame["y"], told.numpy()))


def new_questions() -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """Rows to learn from and to be judged by, of each question that was never met; what is said of it says nothing."""
    frame = planted().frame
    frame[["f0", "f1", "f2", "f3"]] = 0.0
    parts = frame[frame["part"] != "train"].groupby("question")
    return [(part[part["part"] == "own"], part[part["part"] == "test"]) for _, part in parts]


def test_a_few_rows_help_where_the_description_says_little(model: Ensemble) -> None:
    gains = []
    for taught, asked in new_questions():
        moved = few_shot(model, "y", read(model, taught), np.arange(len(taught)))
        gains.append(area(moved, asked) - area(model, asked))
    assert np.mean(gains) > 0.05
    assert np.mean(gains) > 2 * np.std(gains) / len(gains) ** 0.5


def test_nothing_but_the_code_is_moved_and_a_strong_prior_holds_it(model: Ensemble) -> None:
    taught, _ = new_questions()[0]
    samples, before = read(model, taught), {name: part.clone() for name, part in model.state_dict().items()}
    moved = few_shot(model, "y", samples, np.arange(10))
    changed = {name for name, part in moved.state_dict().items() if not torch.equal(part, before[name])}
    assert changed == {"members.0.heads.y.shift"}
    assert all(torch.equal(part, before[name]) for name, part in model.state_dict().items())
    loose, tight = (few_shot(model, "y", samples, np.arange(10), penalty=size) for size in (1.0, 1e6))
    sizes = [made.get_buffer("members.0.heads.y.shift").norm().item() for made in (loose, tight)]
    assert sizes[1] < 1e-3 < sizes[0]


def test_rows_of_several_members_or_none_are_refused(model: Ensemble) -> None:
    frame = planted().frame.query("part == 'own'")
    with pytest.raises(UsageProblem, match="10 members"):
        few_shot(model, "y", read(model, frame), np.arange(len(frame)))
    with pytest.raises(UsageProblem, match="0 members"):
        few_shot(model, "y", read(model, frame.assign(y="")), np.arange(5))
    with pytest.raises(UsageProblem, match="type family"):
        few_shot(model, "z", read(model, frame), np.arange(5))
