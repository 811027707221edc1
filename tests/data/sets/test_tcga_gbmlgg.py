"""Facts that the set is relied on for."""

import pandas as pd
import pytest

from polymodal.data.sets.tcga_gbmlgg import FOLDS, IMAGE, JOINED, REPEATS, SET, SETS, SLIDES, TABLE
from polymodal.tasks.metrics import c_index


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Thirty patients, some with several slides; of twenty there are hazards by two nets of unlike scales."""
    folder = tmp_path_factory.mktemp("tcga")
    slides = pd.DataFrame(
        [
            {"case_id": f"T-{case:02d}", "slide_id": f"{case}-{slide}", "site": "A", "age": 40 + case, "train": 1,
             "survival_months": 1.0 + case, "censorship": case % 2, "is_female": 0, "oncotree_code": "GBM",
             "TP53_rnaseq": 0.1 * case}
            for case in range(30)
            for slide in range(1 + case % 3)
        ]
    )  # fmt: skip
    slides.to_csv(folder / SLIDES, compression={"method": "zip", "archive_name": SLIDES})
    told = [
        {"split": net, "h_mean": case * scale + 5 * net, "h_max": case * scale, "h_min": 0.0,
         "case_id": f"T-{case:02d}" if case else None}
        for net, scale in ((1, 1.0), (2, 10.0))
        for case in range(21)
    ]  # fmt: skip
    pd.DataFrame(told).to_csv(folder / IMAGE, index=False)
    pd.DataFrame({"one": ["TP53", "TP53", "EGFR"], "two": ["ABL1", None, None]}).to_csv(
        folder / "signatures.csv", index=False
    )
    SET.prepare(folder, folder)
    return folder


def test_there_is_one_row_for_each_patient_and_who_died_is_no_longer_upside_down(source):
    cases = pd.read_parquet(source / TABLE)
    assert cases["case_id"].is_unique
    assert len(cases) == 30
    assert cases.loc[cases["case_id"] == "T-03", "died"].item() == 0
    assert not {"slide_id", "train", "censorship"} & set(cases.columns)


def test_nets_of_another_scale_say_the_same(source):
    joined = pd.read_parquet(source / JOINED)
    assert len(joined) == 20
    assert joined["h_mean"].diff().dropna().nunique() <= 3
    assert joined["h_mean"].diff().dropna().std() < 1e-9


def test_folds_are_even_in_who_died(source):
    cases = pd.read_parquet(source / TABLE)
    for repeat in range(REPEATS):
        counts = cases.groupby([f"fold_{repeat}", "died"]).size()
        assert counts.max() - counts.min() <= 2
        assert cases[f"fold_{repeat}"].nunique() == FOLDS
    assert (cases["fold_0"] != cases["fold_1"]).any()


def test_sets_of_genes_have_each_gene_once(source):
    assert (source / SETS).read_text().splitlines() == ["one\t\tTP53\tEGFR", "two\t\tABL1"]


def test_what_is_known_of_the_real_set(real_data, tmp_path):
    SET.prepare(real_data(SET.name), tmp_path)
    cases, joined = pd.read_parquet(tmp_path / TABLE), pd.read_parquet(tmp_path / JOINED)
    assert (len(cases), cases["died"].sum(), cases["site"].nunique()) == (SET.rows, 187, 35)
    assert (len(joined), joined["died"].sum()) == (374, 131)
    for column, wanted in (("age", 0.777), ("h_mean", 0.803)):
        found = c_index(joined["survival_months"], -joined[column], joined["died"] == 1)
        assert found == pytest.approx(wanted, abs=5e-4)
