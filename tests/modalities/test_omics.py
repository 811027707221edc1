"""Genes beyond what the contract kit holds every modality to."""

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal import run
from polymodal.core.seeding import torch_generator
from polymodal.modalities import Omics
from polymodal.spec import Spec
from polymodal.testing import check_modality


@pytest.mark.parametrize("columns", [["rna_*"], ["vector"], ["a", "b", "c"]], ids=len)
@pytest.mark.parametrize("options", [{}, {"values": "counts"}, {"values": "scaled", "genes": "all"}], ids=str)
def test_every_choice_keeps_the_contract(options: dict[str, object], columns: list[str]) -> None:
    check_modality(Omics(columns, **options))


def test_the_choice_is_said_with_its_sizes() -> None:
    modality = Omics(["rna_*"], genes=4)
    modality.reader.fit(modality.example(30, 0), np.arange(30))
    assert modality.chosen() == (
        "mlp", "4 of 6 genes, 30 training rows: a linear map of all genes, of which a step of training sees 50%"
    )  # fmt: skip
    assert Omics(["v"], encoder=lambda reader, width: torch.nn.Identity()).chosen()[0] == "custom"


def test_hidden_genes_are_told() -> None:
    genes = torch.randn(50, 8)
    genes[0, 3] = torch.nan
    changed, hidden = Omics(["rna_*"]).corrupt({"genes": genes}, 0.4, torch_generator(0, "genes"))
    assert not hidden[0, 3]
    assert torch.equal(changed["genes"].isnan(), hidden | genes.isnan())


@pytest.mark.parametrize("tokens", ["sets", "pooled"])
def test_sets_of_genes_from_a_file_to_a_saved_model(tokens: str, tmp_path) -> None:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(80, 10)), columns=[f"rna_G{place}" for place in range(10)])
    frame["ill"] = np.where(frame["rna_G0"] + frame["rna_G1"] > 0, "yes", "no")
    frame.to_parquet(tmp_path / "cohort.parquet")
    (tmp_path / "sets.gmt").write_text("told\t\tG0\tG1\nnoise\t\tG4\tG5\tG6\n")
    plain = {
        "data": {"table": "cohort.parquet", "split": {"test": 0.25}},
        "modalities": {"genes": {"type": "omics", "columns": ["rna_*"], "sets": "sets.gmt", "tokens": tokens}},
        "tasks": {"ill": {"type": "binary", "target": "ill"}},
        "train": {"epochs": 30, "members": 1},
    }
    run.fit(Spec.from_dict(plain, folder=tmp_path), tmp_path / "run")
    told = run.open_run(tmp_path / "run").folder.read_json("metrics.json")
    assert told["tasks"]["ill"]["metrics"]["auroc"] > 0.8
    (tmp_path / "sets.gmt").unlink()
    run.predict(tmp_path / "run", tmp_path / "cohort.parquet", tmp_path / "told.csv")
    assert len(pd.read_csv(tmp_path / "told.csv")) == 80
