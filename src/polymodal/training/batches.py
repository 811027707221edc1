"""Which rows a step sees, as a function of the step: resuming needs no memory of what was drawn before."""

import os
from collections.abc import Iterator
from multiprocessing import connection, parent_process
from threading import Thread
from typing import Any, TypeVar

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from polymodal.core import Batch
from polymodal.core.seeding import numpy_generator
from polymodal.data.base import Rows
from polymodal.data.samples import Samples

__all__ = ["Plan", "leave_with_parent", "load", "sweep"]

T = TypeVar("T")


class Plan(Dataset[list[Batch]]):
    """Step number `step` of training: epochs are shuffled passes over the rows, each shuffled by seed and epoch.

    The rows of a step are cut into `parts`, of which those in `own` are given, without empty ones.

    Where the samples say which rows belong together, these follow one another, so that what they share is read and
    encoded once for all of them; a block that does not fit goes on in the next step. The rows of `mix` steps are then
    shuffled: a step holds rows of so many times as many blocks, each of which it encodes once, too. Rows that samples
    want several times in an epoch come as often; of those that they want less than once, another share comes each time.
    """

    def __init__(
        self,
        samples: Samples,
        rows: Rows,
        batch_size: int,
        seed: int,
        mix: int = 1,
        parts: int = 1,
        own: slice = slice(None),
    ) -> None:
        self.samples, self.rows, self.batch_size, self.seed = samples, np.asarray(rows), batch_size, seed
        self.mix, self.parts, self.own = mix, parts, own
        self.per_epoch = max(1, -(-self._count() // batch_size))
        self._shuffled: tuple[int, Rows] = (-1, self.rows)

    def rows_of(self, step: int) -> Rows:
        """The row numbers of one step."""
        epoch, place = divmod(step, self.per_epoch)
        if self._shuffled[0] != epoch:
            self._shuffled = (epoch, self._order(numpy_generator(self.seed, "order", epoch)))
        return self._shuffled[1][place * self.batch_size : (place + 1) * self.batch_size]

    def _order(self, generator: np.random.Generator) -> Rows:
        shuffled: Rows = generator.permutation(self._drawn(generator))
        if self.samples.blocks is None:
            return shuffled
        blocks, own = np.unique(self.samples.blocks[shuffled], return_inverse=True)
        ordered = shuffled[np.argsort(generator.permutation(len(blocks))[own], kind="stable")]
        if self.mix == 1:
            return ordered
        span = self.mix * self.batch_size
        return np.concatenate([generator.permutation(ordered[at : at + span]) for at in range(0, len(ordered), span)])

    def _count(self) -> int:
        if self.samples.times is None:
            return len(self.rows)
        often, rows = np.unique(self.samples.times[self.rows], return_counts=True)
        return int(np.rint(often * rows).sum())

    def _drawn(self, generator: np.random.Generator) -> Rows:
        """The rows of an epoch, each as often as it is wanted."""
        if self.samples.times is None:
            return self.rows
        times, parts = self.samples.times[self.rows], []
        for often in np.unique(times):
            rows = self.rows[times == often]
            whole, more = divmod(round(often * len(rows)), len(rows))
            parts += [*[rows] * whole, generator.permutation(rows)[:more]]
        return np.concatenate(parts)

    def __getitem__(self, step: int) -> list[Batch]:
        pieces = np.array_split(self.rows_of(step), self.parts)[self.own]
        return [self.samples.batch(rows) for rows in pieces if len(rows)]


class Sweep(Dataset[Batch]):
    """The rows in order, in pieces."""

    def __init__(self, samples: Samples, rows: Rows, batch_size: int) -> None:
        self.samples = samples
        self.pieces = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]

    def __getitem__(self, piece: int) -> Batch:
        return self.samples.batch(self.pieces[piece])


def load(plan: Plan, start: int, stop: int, workers: int) -> Iterator[list[Batch]]:
    """The parts of the steps from `start` to `stop`, made here or by `workers` processes; the same either way."""
    return _pull(plan, range(start, stop), workers)


def sweep(samples: Samples, rows: Rows, batch_size: int, workers: int = 0, own: slice = slice(None)) -> Iterator[Batch]:
    """The given rows once, in order, in batches; of these only those in `own`."""
    pieces = Sweep(samples, rows, batch_size)
    return _pull(pieces, range(len(pieces.pieces))[own], workers)


def _pull(batches: Dataset[T], steps: range, workers: int) -> Iterator[T]:
    if workers == 0:
        return (batches[step] for step in steps)
    # The generator is given so that the loader leaves the global random state alone.
    loader = DataLoader(
        batches,
        batch_size=None,
        sampler=steps,
        num_workers=workers,
        collate_fn=_as_it_is,
        worker_init_fn=leave_with_parent,
        generator=torch.Generator().manual_seed(0),
    )
    return iter(loader)


def leave_with_parent(_worker: int = 0) -> None:
    """End this loader process as soon as the process that started it is gone, however that ended.

    PyTorch's own watch takes whatever parent it finds when it begins, so that a worker whose parent was killed while
    the worker started stays for good, and holds the files of the run open.
    """
    parent = parent_process()
    if parent is not None:
        Thread(target=_wait_and_leave, args=(parent.sentinel,), daemon=True).start()


def _wait_and_leave(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


def _as_it_is(batch: Any) -> Any:
    return batch
