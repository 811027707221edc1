"""One model of every modality there is: rows hold from one of them to all; it learns, answers, and is moved."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from polymodal.core.seeding import numpy_generator
from polymodal.evaluation.costs import costs
from polymodal.report import build_report
from polymodal.run import fit, open_run, predict
from polymodal.spec import Spec

ROWS = 104
PARTS = {
    "labs": {"type": "table", "columns": ["age", "dose"]},
    "note": {"type": "text", "columns": ["words"]},
    "photo": {"type": "image", "column": "photo", "size": 16},
    "voice": {"type": "audio", "column": "voice"},
    "force": {"type": "signal", "columns": ["force"]},
    "vector": {"type": "embedding", "columns": ["first", "second"]},
    "chain": {"type": "protein", "column": "chain"},
    "drug": {"type": "molecule", "column": "drug"},
    "pose": {"type": "structure", "column": "pose"},
    "genes": {"type": "omics", "columns": ["gene_a", "gene_b", "gene_c"]},
    "film": {"type": "video", "column": "film", "size": 16},
    "scan": {"type": "volume", "column": "scan", "size": 8},
    "section": {"type": "tissue", "column": "section", "tokens": "pooled"},
}


def table(folder: Path) -> tuple[Spec, pd.DataFrame]:
    """A spec with all of them, and its table: row r holds 1 + r modulo (their number) modalities, drawn at random."""
    given = {
        "version": 1,
        "data": {"table": "table.parquet", "split": {"test": 0.3}},
        "modalities": PARTS,
        "tasks": {"ill": {"type": "binary", "target": "ill"}, "score": {"type": "regression", "target": "score"}},
        "model": {"width": 8},
        "train": {"epochs": 1, "members": 1, "seed": 0},
    }
    spec = Spec.from_dict(given, folder)
    draw, frames = numpy_generator(0, "all at once"), []
    rank = np.argsort(draw.random((ROWS, len(PARTS))), axis=1).argsort(axis=1)
    held = rank <= (np.arange(ROWS) % len(PARTS))[:, None]
    for place, part in enumerate(spec.build().modalities.values()):
        made = part.example(2 * ROWS, seed=place).frame.dropna(how="all")[:ROWS].reset_index(drop=True)
        made = made.map(lambda cell: cell.tolist() if isinstance(cell, np.ndarray) else cell)
        frames.append(made.astype(object).where(pd.Series(held[:, place]), None).infer_objects())
    frame = pd.concat(frames, axis=1)
    frame["ill"] = np.where(draw.random(ROWS) < 0.5, "yes", "no")
    frame["score"] = draw.normal(size=ROWS).round(3)
    frame.to_parquet(folder / "table.parquet", index=False)
    return spec, frame


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("all")
    spec, _ = table(folder)
    fit(spec, folder / "run")
    return folder / "run"


def test_rows_hold_from_one_modality_to_all(run: Path) -> None:
    held = np.stack(list(open_run(run).fitted.samples.present().values())).sum(axis=0)
    assert set(range(1, len(PARTS) + 1)) <= set(held.tolist())


def test_its_report_tells_what_each_encoder_costs(run: Path) -> None:
    opened = open_run(run)
    found = costs(opened.fitted)
    assert list(found) == list(PARTS)
    assert all(cost["milliseconds"] > 0 and cost["parameters"] > 0 and cost["step_mib"] > 0 for cost in found.values())
    opened.folder.write_json("metrics.json", opened.folder.read_json("metrics.json") | {"costs": found})
    page = build_report(run).read_text()
    told = page.partition('id="costs-title"')[2].partition("</section>")[0]
    assert all(f'<th scope="row">{name}</th>' in told for name in PARTS)


def test_it_answers_for_any_of_them_and_elsewhere_alike(run: Path, tmp_path: Path) -> None:
    first, again, alone = tmp_path / "first.csv", tmp_path / "again.csv", tmp_path / "alone.csv"
    everything = run.parent / "table.parquet"
    predict(run, everything, first)
    shutil.copytree(run, tmp_path / "moved")
    predict(tmp_path / "moved", everything, again)
    made = pd.read_csv(first)
    pd.testing.assert_frame_equal(made, pd.read_csv(again))
    assert len(made) == ROWS
    assert made[["ill.probability.yes", "score.prediction"]].notna().all(axis=None)
    frame = pd.read_parquet(everything)
    for columns in (part.get("columns", [part.get("column")]) for part in PARTS.values()):  # each as the only one
        held = frame[columns].dropna(how="all")
        held.to_parquet(tmp_path / "one.parquet", index=False)
        predict(run, tmp_path / "one.parquet", alone, overwrite=True)
        assert pd.read_csv(alone)["score.prediction"].notna().sum() == len(held) > 0
