import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from polymodal.core import DataError
from polymodal.data.inference import propose
from polymodal.data.tables import from_frame, read_table


@pytest.fixture
def frame() -> pd.DataFrame:
    generator = np.random.default_rng(0)
    value = generator.normal(size=60)
    return pd.DataFrame(
        {
            "patient_id": np.arange(60) // 3 + 100,
            "age": generator.integers(20, 80, 60),
            "sex": generator.choice(["m", "f"], 60),
            "note": [f"came in with a cough, day {place} of the year" for place in range(60)],
            "value": value,
            "outcome": (value + generator.normal(size=60) > 0).astype(int),
        }
    )


def test_columns_go_where_their_content_belongs(frame):
    spec = propose(from_frame(frame))
    assert spec["data"] == {"table": "table", "group": "patient_id"}
    assert spec["modalities"] == {
        "table": {"type": "table", "columns": ["age", "sex", "value"]},
        "text": {"type": "text", "columns": ["note"]},
    }
    assert spec["tasks"] == {"outcome": {"type": "binary", "target": "outcome"}}
    assert "patient_id" in spec["reasons"]["modalities"]
    assert "no target was named" in spec["reasons"]["tasks.outcome"]
    json.dumps(spec)


def test_pictures_are_found_beside_the_table(frame, tmp_path):
    (tmp_path / "scans").mkdir()
    for place in range(60):
        Image.new("L", (4, 4), place).save(tmp_path / "scans" / f"{place}.png")
    frame["scan"] = [f"{place}.png" for place in range(60)]
    frame["voice"] = [f"{place}.wav" for place in range(60)]
    frame.to_csv(tmp_path / "cohort.csv", index=False)
    spec = propose(read_table(tmp_path / "cohort.csv"), ["outcome"])
    assert spec["modalities"]["scan"] == {"type": "image", "column": "scan"}
    assert Path(spec["data"]["files"]) == tmp_path / "scans"
    assert '"voice"' in spec["reasons"]["modalities"]


def test_pictures_that_are_nowhere_are_left_out(frame, tmp_path):
    frame["scan"] = [f"../{place}.png" for place in range(60)]
    frame.to_csv(tmp_path / "cohort.csv", index=False)
    spec = propose(read_table(tmp_path / "cohort.csv"))
    assert set(spec["modalities"]) == {"table", "text"}
    assert '"scan"' in spec["reasons"]["modalities"]


def test_pictures_in_memory_are_a_modality(frame):
    frame["picture"] = pd.Series([np.zeros((4, 4, 3))] * 60, dtype=object)
    spec = propose(from_frame(frame), ["outcome"])
    assert spec["modalities"]["picture"] == {"type": "image", "column": "picture"}


def test_a_split_column_is_used_and_no_input(frame):
    frame["Split"] = ["train"] * 40 + ["val"] * 8 + ["test"] * 12
    spec = propose(from_frame(frame))
    assert spec["data"]["split"] == {"column": "Split", "test": ["test"], "validation": ["val"]}
    assert "group" not in spec["data"]
    assert "Split" not in spec["modalities"]["table"]["columns"]


def test_leaks_are_left_out(frame):
    frame["copy"] = np.where(frame["outcome"] == 1, "case", "control")
    frame["empty"] = None
    spec = propose(from_frame(frame), ["outcome"])
    for name in ("copy", "empty"):
        assert name not in spec["modalities"]["table"]["columns"]
        assert f'"{name}"' in spec["reasons"]["modalities"]


def test_a_copy_shows_once_words_for_missing_are_known(frame):
    frame["copy"] = frame["outcome"].map({0: "no", 1: "yes"})
    frame["outcome"] = frame["outcome"].astype(str)
    frame.loc[:3, "outcome"] = "NA"
    spec = propose(from_frame(frame), ["outcome"])
    assert spec["data"]["missing"] == ["", "NA"]
    assert '"copy"' in spec["reasons"]["modalities"]


def test_names_are_free_for_python_and_torch(frame):
    frame = frame.rename(columns={"outcome": "class", "value": "forward"})
    spec = propose(from_frame(frame), ["class", "forward", "sex"])
    names = [*spec["tasks"], *spec["modalities"]]
    assert all(name.isidentifier() for name in names)
    assert len(set(names)) == len(names)
    assert not {"class", "forward"} & set(names)


def test_targets_alone_give_their_tasks_and_no_modality():
    spec = propose(from_frame(pd.DataFrame({"y0": [0, 1] * 9, "y1": np.linspace(0, 1, 18)})), ["y0", "y1"])
    assert [task["type"] for task in spec["tasks"].values()] == ["binary", "regression"]
    assert spec["modalities"] == {}


def test_a_lone_column_that_counts_up_may_be_the_input():
    spec = propose(from_frame(pd.DataFrame({"x": np.arange(40), "y": np.random.default_rng(0).normal(size=40)})))
    assert spec["modalities"] == {"table": {"type": "table", "columns": ["x"]}}


def test_nothing_to_learn_from_is_refused():
    with pytest.raises(DataError, match="no-inputs"):
        propose(from_frame(pd.DataFrame({"x": ["same"] * 20, "y": [0, 1] * 10})), ["y"])
    with pytest.raises(DataError, match="did you mean"):
        propose(from_frame(pd.DataFrame({"x": [1, 2], "target": [0, 1]})), ["targett"])


def test_numbers_with_other_words_among_them_are_said_with_their_count():
    cells = [f"{place}.5" for place in range(38)] + ["n.b.", "haem."]
    proposal = propose(from_frame(pd.DataFrame({"crp": cells, "sick": ["yes", "no"] * 20})), ["sick"])
    assert '"crp": numbers; 2 of 40 cells hold something else' in proposal["reasons"]["modalities.table"]


WAVE, WEBP = b"RIFF\x00\x00\x00\x00WAVE", b"RIFF\x00\x00\x00\x00WEBP"


@pytest.mark.parametrize(
    ("start", "sense"),
    [
        (WAVE, "audio"), (b"fLaC", "audio"), (b"\0\0\0\x20ftypM4A ", "audio"),
        (b"\x89PNG", "image"), (WEBP, "image"), (b"GIF89a", "image"),
        (b"\0\0\0\x20ftypisom", "video"), (b"\x1a\x45\xdf\xa3", "video"), (b"RIFF\0\0\0\0AVI LIST", "video"),
    ],
)  # fmt: skip
def test_the_content_of_files_is_told_by_how_it_begins(start, sense):
    frame = pd.DataFrame({"file": [start + bytes([row]) for row in range(20)], "sick": ["yes", "no"] * 10})
    frame.loc[3, "file"] = None
    proposal = propose(from_frame(frame), ["sick"])
    assert proposal["modalities"] == {"file": {"type": sense, "column": "file"}}


@pytest.mark.parametrize(("name", "sense"), [("force", "signal"), ("text_embedding", "embedding"), ("note", "text")])
def test_texts_of_numbers_are_series(name, sense):
    draw = np.random.default_rng(0)
    cells = [" ".join(f"{value:.3f}" for value in draw.normal(size=6)) for _ in range(40)]
    cells[3] = "0.1 nan 3 4 5 6" if sense != "text" else "see page 3 of 6, please"
    frame = pd.DataFrame({name: cells, "sick": ["yes", "no"] * 20})
    (part,) = propose(from_frame(frame), ["sick"])["modalities"].values()
    assert part == {"type": sense, "columns": [name]}


def test_molecules_and_proteins_are_found_however_often_they_repeat(frame):
    drugs = ["CC(=O)Oc1ccccc1C(=O)O", "CN1C=NC2=C1C(=O)N(C(=O)N2C)C", "C[N+](C)(C)CC(=O)[O-]", "CC(N)=O"]
    draw = np.random.default_rng(0)
    chains = ["M" + "".join(draw.choice(list("ACDEFGHIKLMNPQRSTVWY"), 40)) for _ in range(60)]
    alone = ["C" * row + "(=O)N" + "C" * 3 + "1CC1" for row in range(1, 61)]
    spec = propose(from_frame(frame.assign(drug=drugs * 15, target=chains, ligand=alone)), ["outcome"])
    assert spec["modalities"]["drug"] == {"type": "molecule", "column": "drug"}
    assert spec["modalities"]["ligand"] == {"type": "molecule", "column": "ligand"}
    assert spec["modalities"]["target"] == {"type": "protein", "column": "target"}
    assert spec["modalities"]["text"]["columns"] == ["note"]
    assert spec["reasons"]["modalities.drug"] == "molecules"
