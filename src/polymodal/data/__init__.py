"""From a table to batches: read it, join, judge, split; then parse with what the training rows taught.

`read_table` (or `from_frame`) gives a `DataTable` in which no cell was changed. `infer_kind` says what a column holds.
`make_split` divides the rows, `examine` finds leaks, `propose` drafts a spec. `Samples` cut rows into batches.

>>> import pandas as pd
>>> from polymodal.data import from_frame, infer_kind
>>> table = from_frame(pd.DataFrame({"weight": ["71,5", "80,25", "64"], "id": ["007", "008", "011"]}))
>>> infer_kind(table.column("weight")).name, infer_kind(table.column("id")).name
('number', 'category')
"""

from polymodal.data.base import Cells, Column, DataTable, Rows
from polymodal.data.findings import Finding, Roles, examine, inseparable, refuse
from polymodal.data.inference import propose
from polymodal.data.joins import JoinReport, join
from polymodal.data.kinds import Kind, infer_kind
from polymodal.data.ledger import Ledger, apply_policy
from polymodal.data.samples import Samples
from polymodal.data.selection import expand_columns
from polymodal.data.splits import Split, SplitPlan, make_split, strata_of
from polymodal.data.tables import from_frame, read_table

__all__ = [
    "Cells",
    "Column",
    "DataTable",
    "Finding",
    "JoinReport",
    "Kind",
    "Ledger",
    "Roles",
    "Rows",
    "Samples",
    "Split",
    "SplitPlan",
    "apply_policy",
    "examine",
    "expand_columns",
    "from_frame",
    "infer_kind",
    "inseparable",
    "join",
    "make_split",
    "propose",
    "read_table",
    "refuse",
    "strata_of",
]
