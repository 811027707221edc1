"""A run that is killed, without a word, and resumed ends with the same weights and predictions as one that was not."""

import multiprocessing
import time
from pathlib import Path

import pandas as pd

from polymodal.run import fit
from tests.run.small import ended, spec, write

# Dropout in the encoders, modality dropout, and an end that early stopping decides.
SET = ("train.epochs=4", "train.members=2", "train.patience=2", "modalities.labs.dropout=0.2")
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["polymodal.run"])  # imported once, for all that will be killed


def fit_small(run: Path, workers: int, resume: bool = False) -> None:
    """Train the small cohort, which stands in the folder that the run is in."""
    fit(spec(run.parent, *SET, f"train.workers={workers}"), run, resume=resume)


def fit_apart(run: Path, workers: int) -> None:
    """The same in a process that will be killed; its loader's workers are its own children, and end when it does."""
    multiprocessing.set_start_method("fork", force=True)
    fit_small(run, workers)


def kill_where(there: str, run: Path, workers: int) -> None:
    """Start the run in a process of its own and kill it as soon as a file or folder of this pattern is there."""
    process = PROCESSES.Process(target=fit_apart, args=(run, workers))
    process.start()
    until = time.monotonic() + 300  # a guard against waiting for ever, not a bound on speed
    while not list(run.glob(there)):
        assert process.is_alive(), f"the run ended before {there} was there"
        assert time.monotonic() < until, f"{there} never came"
        time.sleep(0.001)
    process.kill()
    process.join()


def test_three_killed_runs_end_as_the_one_that_was_left_alone(tmp_path: Path) -> None:
    study = write(tmp_path / "study")
    fit_small(study / "calm", workers=0)
    weights, told = ended(study / "calm")
    for place, there in enumerate(["spec.yaml", "checkpoints/member-0/step-00000[5-9]", "checkpoints/member-1/step-*"]):
        run, workers = study / f"run{place}", 2 * (place == 2)
        kill_where(there, run, workers)
        assert not (run / "model").exists()
        # At once: no worker of the dead run may hold its lock.
        fit_small(run, workers, resume=True)
        again, same = ended(run)
        assert again == weights
        pd.testing.assert_frame_equal(same, told, check_exact=True)
