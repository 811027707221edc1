"""Does a million rows fit, and what does reading them through the library cost?

Question: 10⁶ rows × 50 numbers and a yes or no, synthetic, in one parquet file. First `run.fit` for one epoch, in a
process of its own: reading, examining, fitting scales, training, judging, writing the run. Then steps of training on
the same table against a bare loop over plain float32 arrays, with the same net (width 64) and batch size (256).
Bar: peak memory at most 4 GiB; a step at most 1.3 times the bare one. Read by: the resident peak that the system knows
for the process, and the median of paired ratios over alternating blocks of 100 steps in one process (`cpu`: processor
time, which a busy machine disturbs less).

    OMP_NUM_THREADS=1 python benchmarks/scale.py [ROWS]
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import engine
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from record import write

from polymodal.core import Batch, Values
from polymodal.core.seeding import seeded
from polymodal.data.samples import Samples
from polymodal.data.tables import read_table
from polymodal.fusion import Late
from polymodal.modalities import Table
from polymodal.model import Model
from polymodal.tasks import Binary
from polymodal.training import Settings
from polymodal.training.batches import Plan

__all__ = ["main"]

SEED, COLUMNS, WIDTH, BATCH, PAIRS = 0, 50, 64, 256, 20
SPEC = """\
data: {table: rows.parquet, split: {test: 0.1, seed: 0}}
modalities:
  numbers: {type: table, columns: ["x*"]}
tasks:
  sick: {type: binary, target: sick}
train: {epochs: 1, members: 1, batch_size: 256}
"""
FIT = """
import json, resource
from pathlib import Path
from polymodal import run
from polymodal.spec import load
epochs = []
told = run.fit(load(Path("spec.yaml")), Path("run"), progress=lambda event: epochs.append(event["seconds"])
               if event["event"] == "epoch" else None)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB on Linux
print(json.dumps({"seconds": told["seconds"], "epoch": epochs[0], "gib": peak / 2**20}))
"""


def make(path: Path, rows: int) -> None:
    """Numbers of which three matter, with one cell in a hundred missing."""
    draw = np.random.default_rng(SEED)
    numbers = draw.normal(size=(rows, COLUMNS)).astype(np.float32)
    sick = numbers[:, 0] + numbers[:, 1] * numbers[:, 2] + draw.normal(size=rows) > 0
    numbers[draw.random(numbers.shape, dtype=np.float32) < 0.01] = np.nan
    frame = pd.DataFrame(numbers, columns=[f"x{place:02}" for place in range(COLUMNS)])
    frame.assign(sick=np.where(sick, "yes", "no")).to_parquet(path, index=False)


def whole_fit(folder: Path) -> dict[str, float]:
    """Seconds and the peak of memory of one fit in a process of its own."""
    (folder / "spec.yaml").write_text(SPEC)
    call = (sys.executable, "-W", "ignore", "-c", FIT)
    done = subprocess.run(call, cwd=folder, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def bare(model: Model, numbers: np.ndarray, sick: np.ndarray, settings: Settings) -> Callable[[int], None]:
    """A step of the same net over plain arrays: take rows, forward, backward, clip, AdamW."""
    weights, rows = list(model.parameters()), np.random.default_rng(SEED).permutation(len(sick))
    optimiser = torch.optim.AdamW(weights, lr=settings.lr, weight_decay=settings.weight_decay, fused=True)
    index, codes = torch.arange(BATCH), torch.empty(BATCH, 0, dtype=torch.int64)

    def step(number: int) -> None:
        chosen = rows[number * BATCH : (number + 1) * BATCH]
        values = Values({"numbers": torch.from_numpy(numbers[chosen]), "codes": codes}, index)
        outputs = model(Batch({"numbers": values}, {}, torch.from_numpy(chosen)))
        loss = F.binary_cross_entropy_with_logits(outputs["sick"][:, 0], torch.from_numpy(sick[chosen]))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, settings.clip)
        optimiser.step()

    return step


def compared(path: Path) -> list[tuple[float, float, float]]:
    """Seconds of each pair of blocks: our milliseconds a step, the bare ones, the ratio of processor time."""
    engine.STEPS = 100
    table, labs, sick = read_table(path), Table(["x*"]), Binary("sick")
    every = np.arange(len(table))
    for part in (labs, sick):
        part.reader.fit(table, every)
    samples = Samples.read(table, {"numbers": labs.reader}, {"sick": sick.reader})
    settings = Settings(epochs=100, batch_size=BATCH, seed=SEED)
    arrays = samples.inputs["numbers"][1].numbers, samples.targets["sick"][1].values.astype(np.float32)

    def net() -> Model:
        with seeded(SEED, "model"):
            return Model({"numbers": labs}, {"sick": sick}, Late(), WIDTH).train()

    ours = engine.ours(net(), Plan(samples, every, BATCH, SEED), settings)
    theirs, told = engine.Side(bare(net(), *arrays, settings)), []
    for number in range(min(PAIRS, len(table) // BATCH // engine.STEPS)):
        order = (ours, theirs) if number % 2 else (theirs, ours)
        took = {id(side): side.block() for side in order}
        (own, own_cpu), (least, least_cpu) = took[id(ours)], took[id(theirs)]
        told.append((1e3 * own / engine.STEPS, 1e3 * least / engine.STEPS, own_cpu / least_cpu))
    return told[1:]  # the first pair warms up


def main(rows: int = 1_000_000) -> None:
    """The fit first, then the comparison."""
    with TemporaryDirectory() as place:
        path = Path(place) / "rows.parquet"
        make(path, rows)
        fit = whole_fit(Path(place))
        print(fit, flush=True)
        told = compared(path)
    ratio = statistics.median(own / least for own, least, _ in told)
    own, least, cpu = (statistics.median(column) for column in zip(*told, strict=True))
    made = [
        {"figure": "peak memory of one fit, GiB", "value": fit["gib"], "bar": "<= 4", "bar_met": fit["gib"] <= 4},
        {"figure": "seconds of its epoch", "value": fit["epoch"]},
        {"figure": "seconds of the whole fit", "value": fit["seconds"]},
        {"figure": "our step, ms", "value": own},
        {"figure": "bare step, ms", "value": least},
        {"figure": "ratio of steps", "value": ratio, "bar": "<= 1.3", "bar_met": ratio <= 1.3},
        {"figure": "ratio of steps, cpu", "value": cpu},
    ]
    print(*made, sep="\n")
    write("scale", [{"rows": rows, "columns": COLUMNS} | row for row in made], SEED)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
