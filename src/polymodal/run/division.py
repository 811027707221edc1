"""Which rows each model of an ensemble learns from, and which ones tell it when to stop."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from polymodal.data.base import DataTable, Rows
from polymodal.data.splits import Split, SplitPlan, make_split, make_splits
from polymodal.data.stacked import names_of_tables

__all__ = ["Division", "divided"]


@dataclass(frozen=True)
class Division:
    """A split, and how to draw other validation rows out of all that is not for the test.

    `fixed` says that the validation rows were named by the user: then every member keeps to them. Rows that belong
    together (`group`, `together`) are never parted, whoever draws. `own` are the plans of tables that have one, and
    `times` (rows,) is how often an epoch comes by each row, unless once.
    """

    table: DataTable
    plan: SplitPlan
    split: Split
    group: str | None = None
    together: Sequence[np.ndarray] = ()
    strata: np.ndarray | None = None
    own: Mapping[str, SplitPlan] = field(default_factory=dict)
    times: np.ndarray | None = None

    @property
    def fixed(self) -> bool:
        """Whether all members share one set of validation rows: named values, no validation at all, or a time order.

        They do, too, where tables have plans of their own.
        """
        given = self.plan.validation
        return (
            bool(self.own)
            or self.plan.time is not None
            or given == 0
            or (given is not None and not isinstance(given, int | float))
        )

    @property
    def development(self) -> Rows:
        """Every row that is not for the test, in order."""
        return self.split.train if self.fixed else np.union1d(self.split.train, self.split.validation)

    def member(self, number: int, kept: Rows) -> Mapping[str, Rows]:
        """Rows "train" and "validation" of one member, out of those that are `kept`. The first keeps to the split."""
        train, validation = self.split.train, self.split.validation
        if number > 0 and not self.fixed:
            rows = self.development
            plan = replace(self.plan, column=None, test=0.0, seed=self.plan.seed + number)
            keys = [key[rows] for key in self.together]
            strata = None if self.strata is None else self.strata[rows]
            drawn = make_split(self.table.take(rows), plan, self.group, keys, strata)
            train, validation = rows[drawn.train], rows[drawn.validation]
        return {"train": np.intersect1d(train, kept), "validation": np.intersect1d(validation, kept)}


def divided(
    table: DataTable,
    plan: SplitPlan,
    group: str | None = None,
    together: Sequence[np.ndarray] = (),
    strata: np.ndarray | None = None,
    own: Mapping[str, SplitPlan] = MappingProxyType({}),
) -> Division:
    """Divide a table, and keep what is needed to draw again; `own` are plans for some of the tables it is made of."""
    names = names_of_tables(table)
    if own and names is not None:
        split = make_splits(table, (plan, own), names, group, together, strata)
    else:
        split = make_split(table, plan, group, together, strata)
    return Division(table, plan, split, group, together, strata, dict(own))
