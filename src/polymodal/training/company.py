"""Several processes of one machine that train one model together, each with a part of the rows of every step."""

import copy
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing import connection, get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import torch
import torch.distributed as dist
from torch import Tensor

from polymodal.core import DivergedError, ResourceError, UsageProblem
from polymodal.training.batches import leave_with_parent

__all__ = ["Company", "company"]

PATIENCE = timedelta(minutes=30)
"""How long a process waits for the others: the slowest may read files for the first time."""
FAREWELL = 20.0
"""Seconds that the others have to end by themselves."""


class Company:
    """One process among `size` that do the same, as number `rank`; alone, everything stays as it is.

    What is given to a method must have the same shape in all processes, and all of them must call it.
    """

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size

    def total(self, numbers: Tensor) -> Tensor:
        """The sum over processes, the same bits in each."""
        if self.size > 1:
            numbers = numbers.clone()
            dist.all_reduce(numbers)
        return numbers

    def first(self, numbers: Tensor) -> Tensor:
        """What process 0 says."""
        if self.size > 1:
            numbers = numbers.clone()
            dist.broadcast(numbers, 0)
        return numbers

    def every(self, things: Sequence[Any]) -> list[Any]:
        """What all processes have, one after the other."""
        if self.size == 1:
            return list(things)
        held: list[Sequence[Any]] = [()] * self.size
        dist.all_gather_object(held, list(things))
        return [thing for each in held for thing in each]

    def slopes(self, slopes: Sequence[Tensor | None], like: Sequence[Tensor]) -> list[Tensor | None]:
        """The sums of gradients of the weights `like`; None where no process has one."""
        if self.size == 1:
            return list(slopes)
        there = self.total(torch.tensor([slope is not None for slope in slopes], dtype=torch.float64))
        parts = [
            (torch.zeros_like(weight) if slope is None else slope).reshape(-1)
            for slope, weight in zip(slopes, like, strict=True)
        ]
        whole = self.total(torch.cat(parts)).split([weight.numel() for weight in like])
        return [
            part.view_as(weight) if number > 0 else None
            for number, part, weight in zip(there.tolist(), whole, like, strict=True)
        ]


@contextmanager
def company(size: int, work: Callable[..., None], given: Sequence[Any]) -> Iterator[Company]:
    """Start `size` − 1 more processes that do work(company, *given), and be the first of them.

    Raises UsageProblem where what is given cannot be sent to another process, and ResourceError where one ended before
    its time.
    """
    if size == 1:
        yield Company()
        return
    with tempfile.TemporaryDirectory() as folder:
        meeting = (Path(folder) / "meeting").as_uri()
        others: list[BaseProcess] = []
        try:
            for rank in range(1, size):
                others += [_started(rank, size, meeting, (work, *given))]
            _await(others, Path(folder))
            _meet(rank=0, size=size, meeting=meeting)
            yield Company(0, size)
        except RuntimeError as error:
            connection.wait([other.sentinel for other in others], FAREWELL)
            for other in others:
                other.join(1)  # its end is seen a little before its exit code
            gone = [other.exitcode for other in others if other.exitcode]
            if not gone:
                raise
            raise _ended(gone) from error
        finally:
            if dist.is_initialized():
                dist.destroy_process_group()
            for other in others:
                other.join(FAREWELL)
                other.terminate()


def _started(rank: int, size: int, meeting: str, given: Sequence[Any]) -> BaseProcess:
    process = get_context("spawn").Process(target=_join, args=(rank, size, meeting, torch.get_num_threads(), given))
    try:
        process.start()
    except Exception as error:
        raise UsageProblem(
            "cannot-be-sent",
            where="train.processes",
            expected="parts that can be sent to another process",
            found=str(error),
            remedy="define own functions and classes at the top of a module, or train in one process",
        ) from error
    return process


def _join(rank: int, size: int, meeting: str, threads: int, given: Sequence[Any]) -> None:
    """What another process does from beginning to end."""
    leave_with_parent()
    torch.set_num_threads(threads)
    # Tensors come in memory that all processes share; they wait for one another below, so that each has its own then.
    work, *rest = copy.deepcopy(given)
    Path(url2pathname(urlsplit(meeting).path)).with_name(str(rank)).touch()
    _meet(rank, size, meeting)
    try:
        work(Company(rank, size), *rest)
    except DivergedError:
        return  # process 0 says so
    finally:
        dist.destroy_process_group()


def _await(others: Sequence[BaseProcess], folder: Path) -> None:
    """Wait until all have what they were given; one that ends before would be waited for in vain."""
    for rank, other in enumerate(others, start=1):
        while not (folder / str(rank)).exists():
            if not other.is_alive():
                other.join(1)
                raise _ended([other.exitcode or 0])
            connection.wait([other.sentinel], 0.05)


def _meet(rank: int, size: int, meeting: str) -> None:
    # Without a name, gloo asks for the address of the host's name, which some machines do not know.
    if os.name == "posix" and Path("/sys/class/net/lo").exists():
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=size, timeout=PATIENCE)


def _ended(codes: Sequence[int]) -> ResourceError:
    return ResourceError(
        "process-ended",
        where="train.processes",
        expected="processes that stay until training is over",
        found=f"exit code {', '.join(map(str, codes))} (−9: killed, often for want of memory)",
        remedy='see what they printed; a script needs `if __name__ == "__main__":` around what it does; '
        "fewer processes need less memory; a run with checkpoints can be resumed",
    )
