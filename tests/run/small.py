"""A small cohort with numbers, a category and notes, any of which may be missing, and three questions about it."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd

from polymodal.spec import Spec

SPEC = """
data: {table: cohort.csv, id: patient, split: {test: 0.25, seed: 1}}
modalities:
  labs: {type: table, columns: [age, dose, drug]}
  note: {type: text, columns: [note]}
tasks:
  sick: {type: binary, target: sick}
  score: {type: regression, target: score}
  signs: {type: multilabel, target: signs}
model: {width: 8, fusion: {type: late, layers: 1}}
train: {epochs: 3, members: 1, batch_size: 16, checkpoint_seconds: 0, seed: 2}
"""


def cohort(rows: int = 96) -> pd.DataFrame:
    """One row for each patient."""
    draw = np.random.default_rng(0)
    age, dose = draw.normal(60, 9, rows).round(1), draw.normal(size=rows).round(2)
    ill = draw.random(rows) < 0.5
    frame = pd.DataFrame({"patient": [f"P{place:03d}" for place in range(rows)], "age": age, "dose": dose})
    frame["drug"] = draw.choice(["none", "aspirin", "statin"], rows)
    frame["note"] = np.where(ill, "fever since monday", "no complaint at all") + np.char.mod(" visit %d", range(rows))
    frame["sick"] = np.where(ill, "yes", "no")
    frame["score"] = (dose * 4 + draw.normal(size=rows)).round(2)
    frame["signs"] = np.where(dose > 0.4, "pain;rash", np.where(dose < -0.4, ";", "rash"))
    frame["note"] = frame["note"].mask(draw.random(rows) < 0.2)
    frame.loc[draw.random(rows) < 0.2, ["age", "dose", "drug"]] = None
    frame["sick"] = frame["sick"].mask(draw.random(rows) < 0.2)
    return frame


def write(folder: Path, frame: pd.DataFrame | None = None) -> Path:
    """The cohort and its spec as files in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (cohort() if frame is None else frame).to_csv(folder / "cohort.csv", index=False)
    (folder / "spec.yaml").write_text(SPEC)
    return folder


def spec(folder: Path, *assignments: str) -> Spec:
    """The spec of the cohort in `folder`, with keys set as after `--set`."""
    return Spec.from_text(SPEC, folder).override(*assignments)


def ended(run: Path) -> tuple[str, pd.DataFrame]:
    """What two runs that are the same have in common: sha256 of the weights, and the predictions."""
    weights = hashlib.sha256((run / "model" / "model.safetensors").read_bytes()).hexdigest()
    return weights, pd.read_parquet(run / "predictions.parquet")


def events(run: Path, kind: str) -> list[dict]:
    """The events of one kind in the order in which they happened."""
    lines = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    return [line for line in lines if line["event"] == kind]
