"""The synthetic set: deterministic, true in every row, nothing of the test in training, small ones in no time."""

import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from polymodal.data.sets import drawn_world
from polymodal.data.sets.drawn_scenes import HELD_OUT
from polymodal.data.sets.drawn_world import COUNTS, QUESTIONS, SET
from tests.data.sets.truth import answer, is_true, read

FEW = {"train": 240, "validation": 40, "test": 120}
ONCE = {"train": 2, "validation": 1, "test": 1}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn_world")
    drawn_world.make(folder, FEW, ONCE)
    return folder


@pytest.fixture(scope="module")
def scenes(made) -> pd.DataFrame:
    return pd.read_parquet(made / "scenes.parquet")


@pytest.fixture(scope="module")
def words(made) -> pd.DataFrame:
    return pd.read_parquet(made / "words.parquet")


@pytest.fixture(scope="module")
def questions(made) -> pd.DataFrame:
    return pd.read_parquet(made / "questions.parquet")


def test_the_same_seed_makes_the_same_set_and_another_another(made, tmp_path):
    drawn_world.make(tmp_path, FEW, ONCE)
    names = sorted(path.relative_to(made) for path in made.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert all((made / name).read_bytes() == (tmp_path / name).read_bytes() for name in names)
    kept, other = ({one.caption.text for one in drawn_world.draw_scenes(FEW, seed)} for seed in (0, 1))
    assert len(kept & other) < 0.2 * len(kept)


def test_the_counts_are_those_asked_for(scenes, questions, words):
    assert scenes["part"].value_counts().to_dict() == FEW
    asked = {part: QUESTIONS[part] * pictures for part, pictures in FEW.items()}
    assert questions["part"].value_counts().to_dict() == asked
    assert SET.rows == sum(QUESTIONS[part] * pictures for part, pictures in COUNTS.items())
    assert words.groupby("part")["caption"].nunique().to_dict() == {"train": 252, "validation": 36, "test": 144}
    assert len(words) == 2 * 252 + 36 + 144


def test_captions_are_true_and_in_test_and_validation_of_one_picture_only(scenes):
    for part, rows in scenes.groupby("part"):
        known = [read(text) for text in rows["scene"]]
        for place, caption in enumerate(rows["caption"]):
            true_of = [number for number, scene in enumerate(known) if is_true(caption, scene)]
            assert place in true_of
            assert true_of == [place] or part == "train", caption


def test_every_answer_is_that_of_another_reader(scenes, questions):
    scene = scenes.set_index("picture")["scene"].map(read)
    wrong = [row for row in questions.itertuples() if row.answer != answer(row.question, scene[row.picture])]
    assert wrong == []
    assert (questions["relational"] == questions["kind"].isin(["relation", "same"])).all()


def test_no_scene_and_no_caption_is_in_two_parts(scenes, words):
    for table in (scenes, words):
        kept = table["scene"].map(lambda text: frozenset(map(str, read(text))))
        assert table.groupby(kept)["part"].nunique().max() == 1
        assert table.groupby("caption")["part"].nunique().max() == 1


def test_held_out_pairs_are_in_half_of_the_test_and_nowhere_else(scenes, words, questions):
    pairs = "|".join(f"{colour} {shape}" for colour, shape in HELD_OUT)
    for table in (scenes, words):
        assert (table["unseen"] == table["combination"].str.contains(pairs)).all()
        assert (table["unseen"] == table["caption"].str.contains(pairs)).all()
        assert table.groupby("part")["unseen"].mean().to_dict() == {"train": 0, "validation": 0, "test": 0.5}
    training = questions[questions["part"] != "test"]
    assert not training["question"].str.contains(pairs).any()
    assert questions.loc[questions["question"].str.contains(pairs), "unseen"].all()


def test_pictures_are_there_once_and_differ(made, scenes, words, questions):
    files = {path.name for path in (made / "pictures").iterdir()}
    assert files == {*scenes["picture"], *words["picture"]}
    assert len({(made / "pictures" / name).read_bytes() for name in files}) == len(files)
    assert set(questions["picture"]) == set(scenes["picture"])
    for table, side in ((scenes, 48), (words, 32)):
        with Image.open(made / "pictures" / table["picture"].iloc[-1]) as picture:
            assert (picture.size, picture.mode, picture.format) == ((side, side), "RGB", "PNG")


def test_a_picture_shows_the_scene_of_its_row(made, scenes):
    """In the middle of each of the nine places is the colour that the scene has there."""
    for row in scenes.sample(40, random_state=0).itertuples():
        pixels = np.asarray(Image.open(made / "pictures" / row.picture)).astype(int)
        for thing in read(row.scene):
            middle = pixels[16 * thing["row"] + 7 :, 16 * thing["column"] + 7 :][:2, :2]
            assert np.abs(middle - drawn_world.COLOURS[thing["colour"]]).max(axis=2).min() <= 13
        empty = {(r, c) for r in range(3) for c in range(3)} - {(t["row"], t["column"]) for t in read(row.scene)}
        assert all(pixels[16 * r + 8, 16 * c + 8].min() >= 228 for r, c in empty)


def test_questions_about_one_picture_are_one_group_in_one_part(questions, scenes):
    assert (questions.groupby("picture")["group"].nunique() == 1).all()
    assert questions["group"].nunique() == len(scenes)
    part = scenes.set_index("picture")["part"]
    assert (questions["part"] == questions["picture"].map(part)).all()


def test_the_spec_reads_the_picture_and_the_question_and_nothing_else(tmp_path):
    spec = SET.describe(tmp_path, tmp_path)
    inputs = [name for part in spec["modalities"].values() for name in part.get("columns", [part.get("column")])]
    assert inputs == ["picture", "question"]
    assert spec["tasks"]["answer"]["target"] == "answer"
    assert spec["data"]["split"]["test"] == ["test"]


def test_it_is_called_synthetic():
    assert re.search("synthetic", SET.title)
    assert SET.embedded
