"""A run of two modalities and two tasks that takes a second to train."""

from pathlib import Path

import numpy as np
import pandas as pd

from polymodal.run import fit
from polymodal.spec import Spec


def small_run(folder: Path) -> Path:
    """Write a table, train on it, and return the run folder."""
    generator = np.random.default_rng(0)
    rows = 160
    level = generator.normal(size=rows)
    warm = generator.random(rows) > 0.5
    texts = np.where(warm, "a warm <b>coat</b> for winter", "a cold shirt for summer").astype(object)
    texts[::9] = ""
    frame = pd.DataFrame({"level": level.round(3), "other": generator.normal(size=rows).round(3), "words": texts})
    frame["good"] = np.where(level + warm > 0.5, "yes", "no")
    frame["score"] = (10 * level + 5 * warm + generator.normal(size=rows)).round(2)
    frame["site"] = generator.integers(0, 20, rows)
    frame.loc[3, "score"] = np.nan
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_csv(folder / "table.csv", index=False)
    spec = {
        "version": 1,
        "data": {"table": str(folder / "table.csv"), "group": "site", "split": {"test": 0.3, "seed": 0}},
        "modalities": {
            "measures": {"type": "table", "columns": ["level", "other"]},
            "note": {"type": "text", "columns": ["words"]},
        },
        "tasks": {"good": {"type": "binary", "target": "good"}, "score": {"type": "regression", "target": "score"}},
        "model": {"width": 8},
        "train": {"epochs": 2, "seed": 0},
    }
    fit(Spec.from_dict(spec), folder / "run")
    return folder / "run"
