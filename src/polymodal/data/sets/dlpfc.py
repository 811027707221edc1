"""Layers of the human cortex: three sections of the dorsolateral prefrontal cortex of one donor (Maynard et al. 2021).

Each section is a slide of Visium: about 3,600 spots, 100 µm apart on a hexagonal grid, with raw counts of genes and a
small picture of the stained tissue. Experts drew the layers L1 to L6 and the white matter (WM); about 1 % of the spots
have no label, and none is made up for them.

What this set can mislead by, and what is done about it: barcodes repeat between sections (151673 and 151674 share
3,502), so that labels belong to a section *and* a barcode; `joined` refuses a list that has other barcodes. Each
section has its own 5,000 genes in its own order, 1,480 of which are common; files keep all of them, and genes are
matched by id. The column `y` of the origin is mirrored: places here are row and column of the picture. The total count
follows the layer, so that depth alone tells some of them. Neighbouring spots are alike, and 151673 and 151674 are
neighbouring sections: whole sections are held out, and one donor says nothing of others.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from polymodal.core import DataError
from polymodal.data.counts import read_counts
from polymodal.data.files import Limits
from polymodal.data.sections import Section, write_section
from polymodal.data.sets.base import DataSet

__all__ = ["LAYERS", "SET", "SLICES", "TABLE", "joined"]

TABLE = "sections.parquet"
SLICES = ("151673", "151674", "151675")
LAYERS = ("L1", "L2", "L3", "L4", "L5", "L6", "WM")


def joined(section: str, barcodes: Sequence[str], labels: pd.DataFrame) -> list[str | None]:
    """The label of each spot, in the order of `barcodes`, out of a table with `slice`, `barcode` and `layer`.

    Raises DataError where the rows of this slice do not have exactly these barcodes, each once: barcodes of another
    slice look alike, and would be joined without a word.
    """
    own = labels[labels["slice"].astype(str) == section].set_index("barcode")["layer"]
    wanted = pd.Index(barcodes)
    if not own.index.is_unique or len(own) != len(wanted) or not wanted.isin(own.index).all():
        raise DataError(
            "labels-of-another-section",
            where=f"dlpfc, section {section}",
            expected=f"one label for each of its {len(wanted):,} barcodes, and no other",
            found=f"{len(own):,} labels, {int(wanted.isin(own.index).sum()):,} of them for barcodes of this section",
            remedy="join by section and barcode, never by barcode alone",
        )
    return [label if isinstance(label, str) else None for label in own.loc[wanted]]


def _derive(source: Path, target: Path) -> None:
    """A file for each section, and a table with one row for each: slice, file, layers (a list, one for each spot)."""
    rows = []
    for name in SLICES:
        spots = pd.read_csv(source / f"{name}_spots.csv")
        layers = joined(name, spots["barcode"].tolist(), spots.assign(slice=name))
        file = f"{name}.h5ad"
        (target / file).write_bytes(write_section(_section(source, name, spots)))
        rows.append({"slice": name, "file": file, "layers": layers})
    pd.DataFrame(rows).to_parquet(target / TABLE, index=False)


def _section(source: Path, name: str, spots: pd.DataFrame) -> Section:
    counts = read_counts((source / f"{name}_counts.npz").read_bytes(), Limits())
    genes = (source / f"{name}_genes.txt").read_text(encoding="utf-8").split()
    factors = json.loads((source / f"{name}_scalefactors_json.json").read_text(encoding="utf-8"))
    with Image.open(source / f"{name}_tissue_lowres_image.png") as picture:
        shown = np.asarray(picture.convert("RGB"))
    places = spots[["pxl_row_fullres", "pxl_col_fullres"]].to_numpy(dtype=np.float64)
    grid = {column: spots[column].to_numpy() for column in ("array_row", "array_col")}
    names = np.array(spots["barcode"], dtype=object), np.array(genes, dtype=object)
    return Section(*names, counts, places, grid, {}, shown, float(factors["tissue_lowres_scalef"]), name)


def _describe(_source: Path, target: Path) -> dict[str, Any]:
    return {
        "version": 1,
        "data": {
            "table": str(target / TABLE),
            "files": str(target),
            "id": "slice",
            # With three sections, one is learned from, one chooses when to stop, and one is the test.
            "split": {"column": "slice", "validation": ["151674"], "test": ["151675"]},
        },
        "modalities": {"section": {"type": "tissue", "column": "file"}},
        "tasks": {"layer": {"type": "token_labels", "target": "layers", "of": "section"}},
    }


SET = DataSet(
    name="dlpfc",
    title="Human dorsolateral prefrontal cortex by Visium: three sections, their genes, picture and layers",
    origin=(
        "git prabhakarlab/Banksy at commit 2276ad331791d3894b055abf3478857dc69f5133 (counts, rewritten as .npz) and "
        "LieberInstitute/HumanPilot at commit 044446d6bd8fc154aa74f7be62ec67effb1ec376 (layers, pictures, places)"
    ),
    licence="MIT (counts), Artistic-2.0 (layers and pictures)",
    rows=len(SLICES),
    tables={
        TABLE: "derived; one row for each section: slice, file (an .h5ad file beside it), layers (a list of L1 to L6, "
        "WM or null, one for each spot in the file's order)"
    },
    files={
        "151673_counts.npz": "02f62b79f88037ce6c41312be35d3531acf7d43cdb2d5777fbb8832fd62c5feb",
        "151673_genes.txt": "7e15f1085345de64a9d06f21164a9132ce872b3fcd52047618ee99ea891b9f60",
        "151673_scalefactors_json.json": "91c4beb9ca8145855a6a6df0a00eda6541931fc12d82d09cf8f01c9c15179dbc",
        "151673_spots.csv": "a5a5983a23a2ad3439e7b88a28257d822775178c67a1c8e39ecabceedc8071da",
        "151673_tissue_lowres_image.png": "2ca692ceb00b205bd2f75182935a018753b08c63fbba7e142fd154db22547fcf",
        "151674_counts.npz": "95aabe1127fc60926dff5c6fa3487b05bb2f088d1715cf52b812f7a715a15940",
        "151674_genes.txt": "097649ab0a795a909a48c39b1e9dbf008d11ff5b6e4205317cbe103457e3a6e5",
        "151674_scalefactors_json.json": "869be1c7c2bc7722b1858e1f41a491305264208d083d641786e6f102fc723bac",
        "151674_spots.csv": "c7bd7f0789fd73ec9f9baabc8e3d89e330299c72a53135abba1867bf4a0b9394",
        "151674_tissue_lowres_image.png": "ed3423433091926df71ff8470014be4da8e0df06ae23efbdd0d0d82b29debc21",
        "151675_counts.npz": "7b40354eb6b84c5f48eb84e29e4e4df2eccccca3d2ad2ece4186b7bf16550905",
        "151675_genes.txt": "8758e71df03c2e94e18d32ae389ad3e6fc4d98216c7ca83842337183b04ac00a",
        "151675_scalefactors_json.json": "fce4c55751326c1bf9af0f87591a4bab1383fcab0b10714bf688d2eabf909dc6",
        "151675_spots.csv": "b2e6b716c831bd697a7f9e0bd817a3e8311cd772d0644bf42a0ef431df560b42",
        "151675_tissue_lowres_image.png": "4adf842df9ad1f2769e1952f7129edbcb26fd0c2fb7f208dfca46ea54b9b6ce5",
    },
    derive=_derive,
    describe=_describe,
)
