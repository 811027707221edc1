"""Is an ensemble inside one net worth having, beside the members that are trained apart?

Question: tables of 178 to 569 rows (CSF proteins; scikit-learn's breast cancer, wine and diabetes), one task each, the
default net: one member; three and six members; and one net that holds eight (TabM-mini: Gorishniy, Kotelnikov and
Babenko 2025, section 3: a vector of signs for each member on the features, a shared trunk, a decision for each member,
and the mean of their losses).
Read by: the mean over folds of the headline metric and of the log loss (mean absolute error for diabetes), and seconds.
The packed net is worth an option of its own where it is at least as good as the members that take as long.

    OMP_NUM_THREADS=1 python benchmarks/ensembles.py [FOLDS]
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch
from compare import Fold, open_set, row_division, score
from record import write
from sklearn import datasets
from sklearn.model_selection import KFold
from torch import Tensor, nn

from polymodal.core import Representation, Tokens
from polymodal.data.tabular import KNOWN, TableColumn
from polymodal.encoders.mlp import ResidualBlock
from polymodal.encoders.tabular import TabularMlp
from polymodal.evaluation.runs import floors
from polymodal.fusion import Fusion
from polymodal.modalities import Table
from polymodal.run.fitting import fit_parts
from polymodal.run.tables import Source, open_source
from polymodal.spec import Spec

__all__ = ["Members", "PackedMlp", "main"]

HELD = 8
WAYS = {"1 member": (1, False), "3 members": (3, False), "6 members": (6, False), "8 in one net": (1, True)}


class PackedMlp(TabularMlp):
    """The default net of tables, asked by several members: a token for each."""

    def __init__(self, *options: object, **more: object) -> None:
        super().__init__(*options, **more)  # type: ignore[arg-type]
        read, width = self.linear, self.codes
        self.signs = None if read is None else nn.Parameter(_signs(HELD, read.in_features))
        self.code_signs = None if width is None else nn.Parameter(_signs(HELD, width.embedding_dim))

    def forward(self, parts: Mapping[str, Tensor]) -> Tokens:
        """Parts (n, …) → Tokens (n, members, width)."""
        read = []
        if self.linear is not None and self.signs is not None:
            features = self._features(parts["numbers"].to(self.linear.weight.dtype))
            read.append(self.linear(features.unsqueeze(1) * self.signs))
        if self.codes is not None and self.code_signs is not None:
            read.append(self.codes(parts["codes"] + self.offsets).sum(dim=1).unsqueeze(1) * self.code_signs)
        values = self.blocks(self.dropout(reduce(torch.add, read)))
        return Tokens(values, torch.ones(values.shape[:2], dtype=torch.bool))


class Members(Fusion):
    """A view for each member of a packed net; their decisions are averaged."""

    combine = "mean"

    def build(self, names: Sequence[str], width: int) -> None:
        """One modality, one shared block."""
        (self.name,) = names
        self.block = ResidualBlock(width)

    @property
    def views(self) -> int:
        """One for each member."""
        return HELD

    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        """Each member's token is a view."""
        given = tokens[self.name]
        return Representation(self.block(given.values), given.mask, "mean", tokens, tokens)


def packed(reader: TableColumn, width: int) -> nn.Module:
    """The packed form of the net that `Table` would build."""
    sizes = [KNOWN + len(reader.vocabularies[name]) for name in reader.categories]
    return PackedMlp(len(reader.numbers), sizes, width, 0 if reader.training_rows < 500 else 8)


def _signs(members: int, features: int) -> Tensor:
    return torch.randint(0, 2, (members, features)).float() * 2 - 1


def sources(folder: Path) -> Iterator[tuple[str, Source]]:
    """The tables, each with one modality and one task."""
    loaded = {"breast cancer": datasets.load_breast_cancer, "wine": datasets.load_wine}
    for name, load in (loaded | {"diabetes": datasets.load_diabetes}).items():
        made = load(as_frame=True)
        table = made.data.rename(columns=lambda column: str(column).replace(" ", "_")).assign(answer=made.target)
        kind = "regression" if name == "diabetes" else "multiclass"
        yield name, _source(table, kind, folder / f"{name}.csv")
    proteins = open_set("ad_csf").table.frame.rename(columns={"Class": "answer"})
    yield "CSF proteins", _source(proteins, "multiclass", folder / "proteins.csv")


def _source(table: pd.DataFrame, kind: str, path: Path) -> Source:
    table.to_csv(path, index=False)
    inputs = [name for name in table.columns if name != "answer"]
    spec = {
        "version": 1,
        "data": {"table": str(path)},
        "modalities": {"table": {"type": "table", "columns": inputs}},
        "tasks": {"answer": {"type": kind, "target": "answer"}},
    }
    return open_source(Spec.from_dict(spec, name="ensembles"), path.parent)


def fold_of(source: Source, train: np.ndarray, test: np.ndarray, seed: int, way: str) -> Fold:
    """One way of making an ensemble, fitted on one fold."""
    members, inside = WAYS[way]
    parts = source.spec.build()
    if inside:
        (asked,) = parts.modalities.values()
        parts = replace(parts, modalities={"table": Table(asked.reader.names, encoder=packed)}, fusion=Members())
    # Almost only the members' own losses: what makes them members.
    settings = replace(parts.settings, seed=seed, members=members, own_loss=100.0 if inside else 1.0)
    began = pd.Timestamp.now()
    fitted = fit_parts(source.table, replace(parts, settings=settings), row_division(source, train, test, seed))
    return Fold(source, fitted, {}, (pd.Timestamp.now() - began).total_seconds())


def main(folds: int = 3) -> None:
    """A row for each table and way."""
    rows: list[dict[str, object]] = []
    with TemporaryDirectory() as place:
        for name, source in sources(Path(place)):
            made: dict[str, list[tuple[float, ...]]] = {}
            splitter = KFold(folds, shuffle=True, random_state=0)
            for seed, (train, test) in enumerate(splitter.split(source.table.frame)):
                for way in WAYS:
                    fold = fold_of(source, train, test, seed, way)
                    metrics = (fold.headline("answer"), "mae" if name == "diabetes" else "log_loss")
                    made.setdefault(way, []).append((*(score(fold.ours()["answer"], m) for m in metrics), fold.seconds))
                plain = floors(fold.fitted)["answer"]
                for floor in ("linear", "boosting"):
                    figures = (score(plain[floor].answers, metric) for metric in metrics)
                    made.setdefault(floor, []).append((*figures, float("nan")))
            for way, found in made.items():
                best, loss, seconds = np.mean(found, axis=0)
                rows.append(
                    {"table": name, "rows": len(source.table), "way": way, "folds": folds}
                    | {"metric": metrics[0], "value": best, "loss": metrics[1], "loss_value": loss, "seconds": seconds}
                )
                print(rows[-1], flush=True)
            write("ensembles", rows, f"folds 0 to {folds - 1}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
