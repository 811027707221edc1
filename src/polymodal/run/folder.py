"""The run folder: who holds it, what is written in it, and what happened."""

import importlib.metadata
import json
import os
import platform
import shutil
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

import polymodal
from polymodal.core import DamagedError, Refusal, ResourceError, UsageProblem
from polymodal.data.ledger import Ledger
from polymodal.run.locking import Taken, locked
from polymodal.training.checkpoints import resources_checked

__all__ = ["Folder", "environment"]

PACKAGES = ("torch", "lightning-fabric", "numpy", "scipy", "pandas", "pyarrow", "scikit-learn", "safetensors", "pillow")


BEGINNING = frozenset(
    ["spec.yaml", "spec.resolved.yaml", "splits.parquet", "findings.json", "environment.json", "events.jsonl",
     "errors.jsonl"]
)  # fmt: skip
"""What stands in a run folder before the first checkpoint."""


class Folder:
    """One run folder; every path inside is relative, so it can be moved.

    Lines go to events.jsonl and errors.jsonl as they happen. `hold` keeps other processes out.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def hold(self, resume: bool) -> Iterator["Folder"]:
        """Make the folder and lock it. Raises ResourceError, naming the holder, where another process has it.

        A folder that was made here and into which nothing was written is taken away again.
        """
        fresh = not self.path.exists()
        try:
            yield from self._held(resume)
        finally:
            if fresh and self.path.is_dir() and [path.name for path in self.path.iterdir()] == [".lock"]:
                shutil.rmtree(self.path, ignore_errors=True)

    def _held(self, resume: bool) -> Iterator["Folder"]:
        with ExitStack() as held:
            with resources_checked(self.path):
                self.path.mkdir(parents=True, exist_ok=True)
                self._lock(held)
            self._refuse_used(resume)
            for old in self.path.rglob(".*.old"):
                _put_back(old)
            for leftover in [*self.path.rglob(".*.partial"), *self.path.rglob(".*.old")]:
                shutil.rmtree(leftover, ignore_errors=True)
            yield self

    def write(self, name: str, content: str | bytes) -> None:
        """Write one file so that a crash leaves the old or the new one. Raises ResourceError where that fails."""
        data = content.encode() if isinstance(content, str) else content
        aside = self.path / f".{name}.partial"
        with resources_checked(self.path / name):
            with aside.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(self.path / name)

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write plain data, indented."""
        self.write(name, json.dumps(content, indent=1, default=float, allow_nan=False) + "\n")

    def read_json(self, name: str) -> dict[str, Any]:
        """Read plain data that was written before. Raises DamagedError where the file holds something else."""
        try:
            return dict(json.loads((self.path / name).read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise DamagedError(
                "damaged-file",
                where=str(self.path / name),
                expected="the JSON that fit wrote",
                found=f"something else ({error})"[:200],
                remedy="take it from a backup, or train again",
            ) from error

    def event(self, event: Mapping[str, Any]) -> None:
        """Append what happened to events.jsonl; a refused value goes to errors.jsonl; steps are not kept."""
        if event["event"] == "refused":
            self.refuse([event["refusal"]])
        elif event["event"] != "step":
            self._append("events.jsonl", {"time": round(time.time(), 3)} | dict(event))

    def refuse(self, refusals: list[Refusal]) -> None:
        """Append refused values to errors.jsonl, each once however often it is met."""
        with resources_checked(self._ledger.path):
            self._ledger.add(refusals)

    def refused(self) -> list[Refusal]:
        """What errors.jsonl holds."""
        return self._ledger.read() if self._ledger.path.exists() else []

    @cached_property
    def _ledger(self) -> Ledger:
        return Ledger(self.path / "errors.jsonl")

    def _append(self, name: str, line: Mapping[str, Any]) -> None:
        with resources_checked(self.path / name), (self.path / name).open("a") as file:
            file.write(json.dumps(line, default=float) + "\n")

    def _lock(self, held: ExitStack) -> None:
        me = f"process {os.getpid()} on {socket.gethostname()} since {time.ctime()}"
        try:
            held.enter_context(locked(self.path / ".lock", me))
        except Taken as taken:
            raise ResourceError(
                "run-is-locked",
                where=str(self.path),
                expected="a run folder that nobody else is writing",
                found=f"held by {taken}",
                remedy="wait for that run, stop it, or choose another --out",
            ) from taken

    def _refuse_used(self, resume: bool) -> None:
        held = sorted(path.name for path in self.path.iterdir() if path.name != ".lock")
        if (
            not resume and {"environment.json", "spec.resolved.yaml"} <= set(held) <= BEGINNING
        ):  # a run that failed before it had learned anything
            for name in held:
                (self.path / name).unlink()
        elif held and not resume:
            raise UsageProblem(
                "run-exists",
                where=str(self.path),
                expected="a folder that is empty or not there",
                found=f"{len(held)} files, among them {held[0]}",
                remedy="add --resume to go on with that run, or choose another --out",
            )


def _put_back(old: Path) -> None:
    """Give a folder that stepped aside its name again, where a crash left nothing in its place."""
    place = old.with_name(old.name[1:].rsplit(".", 2)[0])
    if old.is_dir() and not place.exists():
        old.rename(place)


def environment() -> dict[str, Any]:
    """What the run was made with: versions, system and threads; no name of a person or a machine."""
    return {
        "polymodal": polymodal.__version__,
        "python": sys.version.split()[0],
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "threads": torch.get_num_threads(),
        "processors": os.cpu_count(),
        "accelerator": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none",
    }
