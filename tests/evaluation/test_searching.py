"""Plain search: the same as ridge regression and cosine written out, blind search in the middle, runs told about it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from polymodal.data.plain import plain_numbers, plain_text
from polymodal.evaluation import judge_run
from polymodal.evaluation.design import Design
from polymodal.evaluation.searching import PENALTIES, Search, search_baselines
from polymodal.run import fit, open_run
from polymodal.spec import Spec
from polymodal.tasks import retrieval_metrics


def paired(rows: int = 120, noise: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Two views of the same hidden numbers."""
    draw = np.random.default_rng(0)
    hidden = draw.normal(size=(rows, 5))
    views = (hidden @ draw.normal(size=(5, 8)) for _ in range(2))
    one, other = (view + noise * draw.normal(size=view.shape) for view in views)
    return one, other


def test_it_is_ridge_regression_and_the_nearest_by_cosine():
    train, test = np.arange(90), np.arange(90, 120)
    asked, offered = (Design([plain_numbers(side)], train) for side in paired())
    found = search_baselines(Search(train, test, np.arange(30)), asked, offered)["linear"]
    x, y = asked.linear.astype(np.float64), offered.linear.astype(np.float64)
    middle = x[train].mean(0), y[train].mean(0)
    values = np.linalg.eigvalsh((x[train] - middle[0]) @ (x[train] - middle[0]).T)
    strength = found.settings["penalty"] * values.mean()
    made = Ridge(alpha=strength, fit_intercept=False).fit(x[train] - middle[0], y[train] - middle[1])
    reached, sought = made.predict(x[test] - middle[0]), y[test] - middle[1]
    unit = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in (reached, sought)]
    assert found.settings["penalty"] in PENALTIES
    wanted = retrieval_metrics(*unit, np.arange(30))
    got = 1 / found.answers.prediction
    assert got.mean() == pytest.approx(wanted["mrr"])
    assert got.mean() > 0.4


def test_words_are_searched_as_sparse_counts_and_blind_search_gets_the_middle():
    draw = np.random.default_rng(1)
    names = np.array(["oak", "elm", "fir", "yew", "ash", "box"])
    picks = draw.integers(0, 6, size=(90, 3))
    words = [" ".join(names[row]) for row in picks]
    counts = np.stack([(picks == name).sum(1) for name in range(6)], axis=1)
    train, test = np.arange(60), np.arange(60, 90)
    _, same = np.unique(np.sort(picks[test], axis=1), axis=0, return_inverse=True)
    asked, offered = Design(plain_text(words), train), Design([plain_numbers(counts)], train)
    groups = np.repeat(np.arange(20), 3)
    for one, other in ((asked, offered), (offered, asked)):
        made = search_baselines(Search(train, test, same.ravel(), groups), one, other)
        assert np.mean(made["linear"].answers.prediction <= 3) > 0.5
        alike = np.bincount(same.ravel())[same.ravel()]
        np.testing.assert_allclose(made["trivial"].answers.prediction, 1 + (30 - alike) / 2)
        # Offered once each, there are fewer to pass by.
        once = np.unique(same.ravel(), return_index=True)[1]
        fewer = search_baselines(Search(train, test, same.ravel(), groups, np.sort(once)), one, other)
        assert (fewer["linear"].answers.prediction <= made["linear"].answers.prediction).mean() > 0.9
        np.testing.assert_allclose(fewer["trivial"].answers.prediction, 1 + (len(once) - 1) / 2)


def test_each_direction_of_a_run_has_its_floors_and_the_gap_to_them(tmp_path: Path):
    one, other = paired(160, noise=0.1)
    columns = [[f"{side}{place}" for place in range(8)] for side in "ab"]
    frame = pd.DataFrame(np.hstack([one, other]), columns=columns[0] + columns[1])
    frame["site"] = np.arange(160) // 2
    frame.loc[5, columns[0]] = np.nan
    frame.to_csv(tmp_path / "table.csv", index=False)
    spec = {
        "version": 1,
        "data": {"table": "table.csv", "group": "site", "split": {"test": 0.3, "seed": 0}},
        "modalities": {name: {"type": "table", "columns": part} for name, part in zip("ab", columns, strict=True)},
        "tasks": {"find": {"type": "retrieval", "between": ["a", "b"], "space": 4}},
        "model": {"width": 8},
        "train": {"epochs": 1, "members": 1},
    }
    fit(Spec.from_dict(spec, folder=tmp_path), tmp_path / "run")
    told = judge_run(open_run(tmp_path / "run"))
    for direction in ("a_to_b", "b_to_a"):
        entry = told["tasks"][f"find.{direction}"]
        assert set(entry["baselines"]) == {"trivial", "linear"}
        assert entry["baselines"]["linear"]["n"] == entry["n"]
        assert entry["baselines"]["linear"]["metrics"]["mrr"] > 0.5
        assert entry["versus_plain"]["difference"] == pytest.approx(
            entry["metrics"]["mrr"] - entry["baselines"]["linear"]["metrics"]["mrr"], abs=1e-6
        )
