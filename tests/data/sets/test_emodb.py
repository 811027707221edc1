"""Facts that the set is relied on for."""

from pathlib import Path

import pandas as pd

from polymodal.data.sets.emodb import CLIPS, MOODS, SET, SPEAKERS, TABLE


def test_names_say_who_what_and_how(tmp_path: Path) -> None:
    (tmp_path / CLIPS).mkdir()
    for name in ("16b10Td.flac", "03a01Fa.flac", "README.txt"):
        (tmp_path / CLIPS / name).touch()
    SET.prepare(tmp_path, tmp_path)
    rows = pd.read_parquet(tmp_path / TABLE).to_dict("records")
    assert [row["clip"] for row in rows] == ["03a01Fa", "16b10Td"]
    assert rows[0] == {
        "clip": "03a01Fa", "file": "03a01Fa.flac", "speaker": "03", "sentence": "a01", "emotion": "joy", "take": "a"
    }  # fmt: skip


def test_ten_speakers_ten_sentences_seven_moods(real_data, tmp_path: Path) -> None:
    SET.prepare(real_data(SET.name), tmp_path)
    clips = pd.read_parquet(tmp_path / TABLE)
    assert len(clips) == SET.rows
    assert tuple(sorted(clips["speaker"].unique())) == SPEAKERS
    assert clips["sentence"].nunique() == 10
    counts = clips["emotion"].value_counts().to_dict()
    assert counts == {
        "anger": 127, "boredom": 81, "neutral": 79, "joy": 71, "fear": 69, "sadness": 62, "disgust": 46
    }  # fmt: skip
    assert set(counts) == set(MOODS.values())


def test_who_is_asked_is_a_group(tmp_path: Path) -> None:
    data = SET.describe(tmp_path, tmp_path)["data"]
    assert data["group"] == data["split"]["column"] == "speaker"
    assert set(data["split"]["test"]) < set(SPEAKERS)
    assert data["id"] != SET.describe(tmp_path, tmp_path)["modalities"]["speech"]["column"]
