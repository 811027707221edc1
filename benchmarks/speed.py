"""Does the library keep up where a person waits: pictures, the command's first word, the look at a table?

Questions and bars:
1. Pictures (synthetic, 256 × 256) read in batches of 64 by the modality, no cache, no workers: at least 0.9 times the
   batches a second of a plain Pillow loop with the same decoding (a JPEG at half its size, too) and resizing to 64².
2. `polymodal --help` under 0.5 s. 3. `polymodal validate` of a spec of 23,000 rows under 3 s: women's clothing where
   $POLYMODAL_DATA has it, else a synthetic table of the same shape. 4. `train.time_limit` of 30 s on the same rows
   holds within 5 %: seconds of training by the run's own events, with epochs and patience that would take far longer.
Read by: for 1 the median of paired ratios of processor time over alternating batches in one process; for 2 and 3 the
median seconds of processes of their own, by the clock; `cpu` is their processor time, which a busy machine disturbs
less.

    OMP_NUM_THREADS=1 python benchmarks/speed.py
"""

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch
from PIL import Image as Pillow
from record import write

from polymodal.core import DataError
from polymodal.data import sets
from polymodal.data.base import DataTable
from polymodal.modalities import Image
from polymodal.run import fit
from polymodal.spec import Spec, load

__all__ = ["main"]

SEED, SIDE, BATCH, BATCHES = 0, 64, 64, 12
CALL = (sys.executable, "-c", "import sys; from polymodal.cli import main; sys.exit(main())")
WORDS = np.array(["soft", "warm", "tight", "loose", "blue", "dress", "sleeve", "waist", "colour", "length", "again"])


def draw_pictures(folder: Path, suffix: str) -> list[str]:
    """Smooth colours with a little noise, as photographs have them."""
    draw, names = np.random.default_rng(SEED), []
    for number in range(BATCH * BATCHES):
        coarse = Pillow.fromarray(draw.integers(0, 256, size=(8, 8, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((256, 256), Pillow.Resampling.BICUBIC), dtype=np.int16)
        noisy = (smooth + draw.integers(-4, 5, size=smooth.shape)).clip(0, 255).astype(np.uint8)
        names.append(f"{number}{suffix}")
        Pillow.fromarray(noisy).save(folder / names[-1])
    return names


def plain_batch(folder: Path, names: list[str]) -> torch.Tensor:
    """(n, 3, height, width) uint8 by a loop that anybody would write."""
    made = []
    for name in names:
        with Pillow.open(folder / name) as picture:
            picture.draft(None, (2 * SIDE, 2 * SIDE))
            small = picture.convert("RGB").resize((SIDE, SIDE), Pillow.Resampling.BILINEAR)
        made.append(np.asarray(small).transpose(2, 0, 1))
    return torch.from_numpy(np.stack(made))


def pictures(folder: Path, suffix: str) -> dict[str, object]:
    """The modality's reader beside the plain loop."""
    names = draw_pictures(folder, suffix)
    scans = Image("path", size=SIDE, channels=3, cache_megabytes=0)
    table = DataTable(pd.DataFrame({"path": names}), files=folder)
    scans.reader.fit(table, np.arange(len(names)))
    cells, ratios = scans.reader.read(table), []
    for place in range(BATCHES):
        rows = np.arange(place * BATCH, (place + 1) * BATCH)
        own, least = _in_turn(
            place,
            lambda rows=rows: scans.reader.collate(cells, rows),
            lambda rows=rows: plain_batch(folder, names[rows[0] : rows[-1] + 1]),
        )
        ratios.append((least / own, 1 / own))
    ratio, rate = (statistics.median(column) for column in zip(*ratios[1:], strict=True))
    told = {"figure": f"{suffix[1:]} pictures, batches/s against a plain loop", "value": ratio, "bar": ">= 0.9"}
    return told | {"bar_met": ratio >= 0.9, "batches_per_s": rate}


def _in_turn(place: int, *ways: Callable[[], object]) -> tuple[float, ...]:
    """Processor seconds of each way, which take turns in being the first."""
    took = {}
    for way in ways if place % 2 else reversed(ways):
        began = time.process_time()
        way()
        took[way] = time.process_time() - began
    return tuple(took[way] for way in ways)


def command(what: str, bar: float, folder: Path, *words: str, times: int) -> dict[str, object]:
    """Median seconds of a command line, and of the processor."""
    clock, processor = [], []
    for _ in range(times):
        began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run((*CALL, *words), cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        clock.append(time.perf_counter() - began)
        processor.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    seconds = statistics.median(clock)
    told = {"figure": f"{what}, s", "value": seconds, "bar": f"< {bar:g}", "bar_met": seconds < bar}
    return told | {"cpu": statistics.median(processor)}


def reviews(folder: Path) -> str:
    """Write the spec of 23,000 reviews; what they are."""
    try:
        sets.find("womens_clothing")
        (folder / "spec.yaml").write_text(Spec.from_dict(sets.named("womens_clothing").spec(), folder).to_yaml())
        return "women's clothing"
    except DataError:
        draw, rows = np.random.default_rng(SEED), 23_486
        frame = pd.DataFrame({"item": draw.integers(0, 1200, rows), "age": draw.integers(18, 90, rows)})
        frame["text"] = [" ".join(draw.choice(WORDS, size=60)) for _ in range(rows)]
        frame["good"] = draw.choice(["yes", "no"], rows)
        frame.to_parquet(folder / "reviews.parquet", index=False)
        (folder / "spec.yaml").write_text(
            "data: {table: reviews.parquet, group: item}\ntasks: {good: {type: binary, target: good}}\n"
            "modalities: {text: {type: text, columns: [text]}, age: {type: table, columns: [age]}}\n"
        )
        return "synthetic"


def limit(seconds: float, folder: Path) -> dict[str, object]:
    """Seconds of training over the seconds that were allowed."""
    settings = {"time_limit": seconds, "epochs": 1000, "patience": 1000}
    spec = load(folder / "spec.yaml", [f"train.{key}={value}" for key, value in settings.items()])
    fit(spec, folder / "limited")
    events = map(json.loads, (folder / "limited" / "events.jsonl").read_text().splitlines())
    spent = max(event["seconds"] for event in events if event["event"] == "epoch") / seconds
    told = {"figure": f"training under a limit of {seconds:g} s, share of it", "value": spent, "bar": "<= 1.05"}
    return told | {"bar_met": spent <= 1.05}


def main() -> None:
    """All four."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        rows = [pictures(folder, ".png"), pictures(folder, ".jpg")]
        rows.append(command("polymodal --help", 0.5, folder, "--help", times=10))
        what = reviews(folder)
        rows.append(command(f"polymodal validate, 23,486 rows ({what})", 3, folder, "validate", "spec.yaml", times=5))
        rows.append(limit(30, folder))
    print(*rows, sep="\n")
    write("speed", rows, SEED)


if __name__ == "__main__":
    main()
