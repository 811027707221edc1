"""Answers made wrong on purpose, to see how far the harm goes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from polymodal.core.seeding import numpy_generator
from polymodal.data.base import DataTable, Rows
from polymodal.data.cells import absent

__all__ = ["spoil"]


def spoil(table: DataTable, columns: Sequence[str], rows: Rows, rate: float, seed: int) -> DataTable:
    """The table with the answers of a share `rate` of these rows dealt out among one another.

    Only rows that have an answer in each of `columns` take part; what one row has there moves as a whole, so that
    numbers, labels, texts and names of files keep their frequencies and are wrong all the same. With few classes, some
    get their own again.
    """
    here = ~np.any([absent(table.column(name), table.missing) for name in columns], axis=0)
    draw = numpy_generator(seed, "spoil", *columns)
    able = rows[here[rows]]
    chosen = np.sort(draw.choice(able, round(rate * len(able)), replace=False))
    source = np.arange(len(table))
    source[chosen] = draw.permutation(chosen)
    frame = table.frame.assign(**{name: table.frame[name].to_numpy()[source] for name in columns})
    return replace(table, frame=frame.astype({name: table.frame[name].dtype for name in columns}))
