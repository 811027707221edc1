"""Does a run that was killed end with the same weights as one that was not?

Question: `polymodal fit` in a process of its own, killed (SIGKILL, no farewell) at a random moment between its first
file and its end, then resumed with --resume. The spec is small and has everything that draws numbers or keeps state: a
table, a text, pictures with augmentation, dropout, modality dropout, gaps in all of them, two tasks, an averaged model,
two members, early stopping. The data are synthetic. Half of the runs read with 0 worker processes, half with 2.
Bar: 20 of 20. Read by: the sha256 of model/model.safetensors, and of the content of predictions.parquet, against those
of one run with 0 workers that nobody disturbed. `steps` is the last step on disk when the run was killed.

    OMP_NUM_THREADS=1 python benchmarks/resume.py [KILLS]
"""

import hashlib
import random
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from PIL import Image
from record import write

__all__ = ["main"]

SEED, ROWS = 0, 96
CALL = (sys.executable, "-c", "import sys; from polymodal.cli import main; sys.exit(main())")
WORDS = ["much pain", "no change", "good day", "worse again", "slept badly", "all well"]
SPEC = """\
data: {table: cohort.csv, files: ., id: patient, split: {test: 0.25, seed: 1}}
modalities:
  labs: {type: table, columns: [age, dose, site], dropout: 0.2}
  note: {type: text, columns: [note], encoder: transformer, vocabulary: 64, layers: 1}
  scan: {type: image, column: scan, size: 12, augment: 0.6, flip: true}
tasks:
  sick: {type: binary, target: sick}
  score: {type: regression, target: score}
model: {width: 16, fusion: {type: bottleneck, layers: 1, heads: 2}}
train: {epochs: 12, members: 2, batch_size: 8, patience: 3, lr: 1e-2, checkpoint_seconds: 0.2, seed: 3}
"""


def prepare(folder: Path) -> None:
    """The table, the pictures and the spec."""
    draw = np.random.default_rng(SEED)
    signal = draw.normal(size=ROWS)
    frame = pd.DataFrame({"patient": [f"p{row:03}" for row in range(ROWS)], "age": (50 + 10 * signal).round(1)})
    frame["dose"], frame["site"] = draw.normal(size=ROWS).round(3), draw.choice(["north", "south"], size=ROWS)
    frame["note"] = [f"{WORDS[draw.integers(6)]}, {WORDS[draw.integers(6)]} {row}" for row in range(ROWS)]
    frame["scan"] = [f"scan{row:03}.png" for row in range(ROWS)]
    for name, bright in zip(frame["scan"], signal, strict=True):
        pixels = (128 + 40 * bright + draw.normal(0, 20, size=(16, 16, 3))).clip(0, 255)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / name)
    frame["sick"] = np.where(signal + draw.normal(size=ROWS) > 0, "yes", "no")
    frame["score"] = (2 * signal + draw.normal(size=ROWS)).round(3)
    for name in ("age", "note", "scan", "sick", "score"):
        frame.loc[draw.random(ROWS) < 1 / 8, name] = None
    frame.to_csv(folder / "cohort.csv", index=False)
    (folder / "spec.yaml").write_text(SPEC)


def started(folder: Path, run: str, workers: int, *words: str) -> subprocess.Popen:
    """`polymodal fit` in a process of its own."""
    given = ("fit", "spec.yaml", "--out", run, "--json", "-q", "--set", f"train.workers={workers}", *words)
    return subprocess.Popen((*CALL, *given), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen) -> None:
    """Wait for the end, and stop everything where it is a failure."""
    _, told = process.communicate()
    if process.returncode:
        raise RuntimeError(f"exit {process.returncode}: {told}")


def digests(run: Path) -> tuple[str, str]:
    """sha256 of the weights, and of what the predictions say."""
    weights = hashlib.sha256((run / "model" / "model.safetensors").read_bytes()).hexdigest()
    told = pd.read_parquet(run / "predictions.parquet").to_csv(index=False, float_format="%.17g")
    return weights, hashlib.sha256(told.encode()).hexdigest()


def killed(folder: Path, run: str, workers: int, share: float, duration: float) -> float | None:
    """Kill a run after this share of the time between its first file and its end; the seconds that this was, or None
    where it was over by then."""
    process = started(folder, run, workers)
    while not (folder / run / "spec.yaml").exists() and process.poll() is None:
        time.sleep(0.005)
    time.sleep(share * duration)
    over = process.poll() is not None
    process.kill()
    process.communicate()
    return None if over else share * duration


def steps(run: Path) -> int:
    """The steps, over all members, that checkpoints on disk hold."""
    newest = [sorted(member.glob("step-*"))[-1:] for member in (run / "checkpoints").glob("member-*")]
    return sum(int(found[0].name.removeprefix("step-")) for found in newest if found)


def main(kills: int = 20) -> None:
    """One run in peace, then as many killed ones."""
    draw, rows = random.Random(SEED), []
    with TemporaryDirectory() as place:
        folder = Path(place)
        prepare(folder)
        for name in ("warm", "peace"):
            process, began = started(folder, name, 0), time.monotonic()
            while not (folder / name / "spec.yaml").exists() and process.poll() is None:
                began = time.monotonic()
            finished(process)
            duration = time.monotonic() - began
        wanted = digests(folder / "peace")
        while len(rows) < kills:
            name, workers = f"run{draw.random()}", 2 * (len(rows) % 2)
            after = killed(folder, name, workers, draw.random(), duration)
            if after is None:
                continue  # it was quicker than the first one
            held = steps(folder / name)
            finished(started(folder, name, workers, "--resume"))
            weights, told = (own == other for own, other in zip(digests(folder / name), wanted, strict=True))
            rows.append({"kill": len(rows), "workers": workers, "after_s": after, "steps": held})
            rows[-1] |= {"same_weights": weights, "same_predictions": told}
            print(rows[-1], flush=True)
    print(f"{sum(row['same_weights'] and row['same_predictions'] for row in rows)} of {len(rows)} the same")
    write("resume", rows, SEED)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
