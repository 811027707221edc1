"""Results as tables beside the scripts that made them, with commit, seed and hardware in every row."""

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import torch

__all__ = ["read", "write"]

HERE = Path(__file__).resolve().parent


def read(name: str) -> list[dict[str, Any]]:
    """The rows of `benchmarks/results/NAME.csv` as they stand, for a script that goes on where it was stopped."""
    path = HERE / "results" / f"{name}.csv"
    if not path.is_file():
        return []
    # A commit such as 5e12345 is no number.
    rows: list[dict[str, Any]] = pd.read_csv(path, dtype={"commit": str}).to_dict("records")
    return rows


def write(name: str, rows: Sequence[Mapping[str, Any]], seed: int | str) -> Path:
    """Write `benchmarks/results/NAME.csv`: the rows as given, with date, commit, seed and hardware."""
    frame = pd.DataFrame(list(rows))
    told = {"date": date.today().isoformat(), "commit": COMMIT, "seed": seed, "hardware": _hardware()}
    for column, value in told.items():
        frame[column] = frame[column].fillna(value) if column in frame else value
    path = HERE / "results" / f"{name}.csv"
    path.parent.mkdir(exist_ok=True)
    frame.to_csv(path, index=False, float_format="%.5g", lineterminator="\n")
    return path


def _commit() -> str:
    """The commit of the working tree; "+" where the library differs from it."""
    head = _git("rev-parse", "--short", "HEAD")
    return f"{head}+" if _git("status", "--porcelain", "--", "../src") else head


def _git(*words: str) -> str:
    return subprocess.run(("git", *words), cwd=HERE, capture_output=True, text=True, check=False).stdout.strip()


def _hardware() -> str:
    """What the figures were measured on; no name of a machine or of a person."""
    versions = f"python {platform.python_version()}, torch {torch.__version__}"
    return f"{_processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, {versions}"


def _processor() -> str:
    """The processor's own name where the system tells it, else its architecture."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


COMMIT = _commit()  # when the script started, which is what it runs
