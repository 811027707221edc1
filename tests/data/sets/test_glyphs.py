"""The embedded set: deterministic, without leaks, honest about what is missing."""

import unicodedata
from collections import Counter, defaultdict

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from polymodal.data.sets import glyphs
from polymodal.data.sets.glyphs import FACES, GIVEAWAYS, SET, SHAPE_COLUMNS, TELLING_SHARE

FEW = 24
"""Characters of each script: enough for every property, and drawn quickly."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("glyphs")
    glyphs.make(folder, FEW)
    return folder


@pytest.fixture(scope="module")
def table(made) -> pd.DataFrame:
    return pd.read_parquet(made / "glyphs.parquet")


def test_the_same_machine_makes_the_same_set(made, tmp_path):
    glyphs.make(tmp_path, FEW)
    names = sorted(path.relative_to(made) for path in made.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert all((made / name).read_bytes() == (tmp_path / name).read_bytes() for name in names)


@pytest.mark.parametrize("column", ["character", "face", "group", "picture", "name"])
def test_nothing_that_identifies_a_row_is_in_two_folds(table, column):
    folds = table.dropna(subset=[column]).groupby(column)["fold"].nunique()
    assert folds.max() == 1


def test_no_font_family_is_in_two_folds():
    families = {
        fold: {name.partition("-")[0].removesuffix("BolIta") for pair in pairs for name in pair}
        for fold, pairs in FACES.items()
    }
    assert not families["train"] & families["test"]
    assert not families["validation"] & (families["train"] | families["test"])


def test_pixels_of_one_fold_are_not_in_another(table, made):
    pixels = defaultdict(set)
    for name, fold in table.dropna(subset=["picture"]).groupby("picture")["fold"].first().items():
        pixels[np.asarray(Image.open(made / "pictures" / name)).tobytes()].add(fold)
    assert all(len(folds) == 1 for folds in pixels.values())


def test_every_fold_has_every_class(table):
    for task in ("script", "category", "bold"):
        classes = {fold: set(rows[task].dropna()) for fold, rows in table.groupby("fold")}
        assert classes["train"] == classes["test"] == classes["validation"], task
        assert len(classes["train"]) == {"script": 8, "category": 6, "bold": 2}[task]


def test_labels_are_those_of_unicode_and_of_the_face(table):
    for row in table.sample(200, random_state=0).itertuples():
        assert row.category == glyphs.CATEGORIES[unicodedata.category(row.character)]
        assert pd.isna(row.bold) or (row.bold == "bold") == ("Bol" in row.face)
        if unicodedata.name(row.character).startswith("GREEK"):
            assert row.script == "greek"


def test_no_word_tells_a_label(table):
    characters = table.dropna(subset=["name"]).drop_duplicates("character")
    words = defaultdict(set)
    for row in characters.itertuples():
        for word in row.name.split():
            words[word].add(row.Index)
    assert not GIVEAWAYS & set(words)
    labels = glyphs._choose(glyphs._shared({n: glyphs.Face(n) for p in FACES.values() for q in p for n in q}), FEW)
    for character, name in glyphs.plain_names(labels).items():
        assert set(name.split()) <= set(unicodedata.name(character).replace("-", " ").split())
    for word, where in holders(glyphs.plain_names(labels)).items():
        for kind in (0, 1):
            counts = Counter(labels[one][kind] for one in where if labels[one][kind] is not None)
            if len(where) > 1 and counts:
                assert max(counts.values()) < TELLING_SHARE * counts.total(), word


def holders(names):
    found = defaultdict(list)
    for character, name in names.items():
        for word in set(name.split()):
            found[word].append(character)
    return found


def test_pictures_are_small_grey_and_there(table, made):
    files = {path.name for path in (made / "pictures").iterdir()}
    assert set(table["picture"].dropna()) == files
    with Image.open(made / "pictures" / sorted(files)[0]) as picture:
        assert (picture.size, picture.mode, picture.format) == ((28, 28), "L", "PNG")


def test_something_is_always_left_and_shape_numbers_go_together(table):
    shape = table[list(SHAPE_COLUMNS)].isna()
    assert (shape.all(axis=1) == shape.any(axis=1)).all()
    present = pd.concat([table["picture"].notna(), table["name"].notna(), ~shape.any(axis=1)], axis=1)
    assert present.any(axis=1).all()
    assert 0.05 < table["picture"].isna().mean() < 0.15
    assert 0.05 < shape.any(axis=1).mean() < 0.15


def test_shape_numbers_are_what_they_say():
    face = glyphs.Face("DejaVuSans")
    ring, dash, colon, descender = (face.shape(character) for character in "O-:p")
    assert (ring["holes"], ring["parts"]) == (1, 1)
    assert (dash["holes"], dash["parts"]) == (0, 1)
    assert colon["parts"] == 2
    assert dash["width"] > dash["height"]
    assert ring["height"] == pytest.approx(ring["top"] - ring["bottom"])
    assert descender["bottom"] < -0.1 < ring["bottom"]
    assert 0.45 < ring["centre_x"] < 0.55
    assert glyphs.Face("DejaVuSans-Bold").shape("O")["ink_share"] > ring["ink_share"]
    assert face.ink(" ") is None


def test_the_spec_reads_no_column_that_gives_the_answer(monkeypatch):
    monkeypatch.setattr(glyphs, "CHARACTERS_PER_SCRIPT", FEW)
    spec = SET.describe(glyphs.Path(), glyphs.Path("made"))
    inputs = [name for part in spec["modalities"].values() for name in part.get("columns", [part.get("column")])]
    assert set(inputs) == {"picture", "name", *SHAPE_COLUMNS}
    assert {task["target"] for task in spec["tasks"].values()} == {"script", "category", "bold"}
    assert spec["data"]["split"]["test"] == ["test"]
