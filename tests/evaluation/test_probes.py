"""Fresh probes read what is there to be read, judged on rows that taught neither the model nor them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from polymodal.core import DataError
from polymodal.evaluation import judge_run
from polymodal.evaluation.probes import kept_out, probes, vectors_of
from polymodal.report import build_report
from polymodal.run import Run, fit, open_run
from polymodal.spec import Spec

ROWS = 240
SITES = 8


def scene(folder: Path, group: str | None = None, objective: str = "independence") -> Run:
    """A run whose inputs tell the site and the age of each row, and of which an objective keeps out the site."""
    draw = np.random.default_rng(0)
    truth, site = draw.normal(size=ROWS), np.arange(ROWS) % SITES
    told = 2.0 * (site - 4) + 0.2 * draw.normal(size=ROWS)
    frame = pd.DataFrame({"a": truth + told, "b": truth - told}).round(4)
    frame["y"], frame["site"] = np.where(truth > 0, "yes", "no"), [f"site {place}" for place in site]
    frame["age"], frame["coin"] = (50 + 10 * told).round(2), draw.permutation(ROWS)
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_csv(folder / "table.csv", index=False)
    data = {"table": str(folder / "table.csv"), "split": {"test": 0.4, "seed": 0}}
    spec = {
        "version": 1,
        "data": data if group is None else data | {"group": group},
        "modalities": {"measures": {"type": "table", "columns": ["a", "b"]}},
        "tasks": {"y": {"type": "binary", "target": "y"}},
        "objectives": {"apart": {"type": objective, "column": "site"}},
        "model": {"width": 8},
        "train": {"epochs": 3, "seed": 0},
    }
    fit(Spec.from_dict(spec), folder / "run")
    return open_run(folder / "run")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return scene(tmp_path_factory.mktemp("probed"))


def test_what_objectives_keep_out_is_asked_for_and_other_columns_on_demand(run: Run):
    assert set(kept_out(run)) == {"site"}
    told = probes(run, ["age", "coin"])
    assert {name: entry["kind"] for name, entry in told.items()} == {
        "site": "classes",
        "age": "numbers",
        "coin": "numbers",
    }
    for entry in told.values():
        assert set(entry["layers"]) == {"pooled", "tokens"}
        assert entry["n"] == len(run.fitted.split.test)
        assert entry["taught"] == {"by": "training", "rows": len(run.fitted.split.train)}
    assert told["site"]["chance"]["accuracy"] < 0.5
    assert told["site"]["plain"]["linear"]["metrics"]["accuracy"] > 0.7
    assert told["age"]["layers"]["tokens"]["mlp"]["metrics"]["r2"] > 0.5
    assert told["coin"]["layers"]["pooled"]["linear"]["metrics"]["r2"] < 0.2
    low, high = told["age"]["layers"]["pooled"]["mlp"]["intervals"]["r2"]
    assert low < told["age"]["layers"]["pooled"]["mlp"]["metrics"]["r2"] < high


def test_the_same_seed_gives_the_same_figures(run: Run):
    assert probes(run) == probes(run)


def test_layers_have_a_vector_for_each_row(run: Run):
    rows = run.fitted.split.test[:7]
    found = vectors_of(run.fitted, rows)
    assert {layer: len(vectors) for layer, vectors in found.items()} == {"pooled": 7, "tokens": 7}
    assert all(np.isfinite(vectors).all() for vectors in found.values())


def test_sites_that_no_training_row_has_are_told_apart_within_the_test_rows(tmp_path: Path):
    run = scene(tmp_path, group="site")
    told = probes(run)["site"]
    held = run.fitted.table.column("site").iloc[run.fitted.split.test]
    assert not set(held) & set(run.fitted.table.column("site").iloc[run.fitted.split.train])
    assert told["taught"] == {"by": "test", "rows": len(held) * 4 // 5}
    assert told["n"] == len(held)
    assert told["chance"]["balanced_accuracy"] == 1 / held.nunique()


def test_metrics_and_report_say_what_is_left(run: Run):
    judge_run(run)
    told = json.loads((run.folder.path / "metrics.json").read_text())["probes"]["site"]
    page = build_report(run.folder.path).read_text()
    assert "What was to be kept out" in page
    assert f"{told['layers']['pooled']['mlp']['metrics']['accuracy']:.3f}" in page


def test_a_column_that_is_not_there_is_refused(run: Run):
    with pytest.raises(DataError, match="scanner"):
        probes(run, ["scanner"])
