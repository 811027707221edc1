"""The video modality beyond what the contract kit holds every modality to."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal.core.seeding import torch_generator
from polymodal.data import inference
from polymodal.data.base import DataTable
from polymodal.data.files import Limits
from polymodal.data.sounds import decode
from polymodal.data.tables import read_table
from polymodal.modalities import Audio, Video
from polymodal.testing import check_modality
from tests.data.movies import movie, shades, tone

OPTIONS = [
    {"encoder": "patches", "tokens": "frames", "padded": False},
    {"tokens": "frames", "frames": 3, "rate": 5.0},
    {"layers": 0, "channels": 1, "size": (8, 12), "augment": 0.0, "drop": 0.0},
    {"flip": True, "augment": 0.0, "longest": 0.3, "cache_megabytes": 0.0},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_choice_keeps_the_contract(options: dict[str, object]) -> None:
    check_modality(Video("clip", **options), rows=24)


def parts(count: int = 6, frames: int = 4, known: bool = True) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    still = torch.randint(0, 256, (count, 1, 3, 16, 16), generator=draw).to(torch.uint8)
    seconds = torch.arange(frames).repeat(count, 1) / 4
    made = {"frames": still.expand(-1, frames, -1, -1, -1).clone(), "seconds": seconds}
    return made | ({"known": torch.ones(count, 16, 16, dtype=torch.bool)} if known else {})


def test_all_frames_of_a_video_move_alike_and_videos_do_not() -> None:
    given = parts()
    changed = Video("clip", size=16, augment=1.0, flip=True, drop=0.0).perturb(given, torch_generator(0, "x"))
    frames = changed["frames"]
    assert (frames == frames[:, :1]).all()
    moved = frames[:, 0].float() - given["frames"][:, 0].float()
    assert (moved.abs().mean(dim=(1, 2, 3)) > 1).all()
    assert not changed["known"].all()


def test_some_frames_are_left_out_and_never_all() -> None:
    given = parts(200, 3)
    given["seconds"][:, 2] = torch.nan
    changed = Video("clip", size=16, augment=0.0, drop=0.5).perturb(given, torch_generator(0, "x"))
    left = (~changed["seconds"].isnan()).sum(dim=1)
    assert set(left.tolist()) == {1, 2}
    assert torch.equal(changed["frames"], given["frames"])


def test_whole_frames_are_hidden_or_the_same_places_of_all() -> None:
    given = parts(300, 4)
    given["seconds"][:, 3] = torch.nan
    video = Video("clip", size=16, patch=4)
    changed, hidden = video.corrupt(given, 0.4, torch_generator(0, "x"))
    grid = hidden.view(300, 4, 16)
    assert not grid[:, 3].any()  # there is nothing to hide
    whole = (grid.all(dim=2) == grid.any(dim=2)).all(dim=1)
    tubes = (grid[:, :3] == grid[:, :1]).all(dim=(1, 2))
    assert (whole | tubes).all()
    assert 0.4 < float(whole.float().mean()) < 0.6
    assert float(grid[:, :3].float().mean()) == pytest.approx(0.4, abs=0.05)
    wide = grid.view(300, 4, 1, 4, 4).repeat_interleave(4, 3).repeat_interleave(4, 4).expand(-1, -1, 3, -1, -1)
    assert (changed["frames"][wide] == 128).all()
    assert torch.equal(changed["frames"][~wide], given["frames"][~wide])
    content = video.content(given)
    assert content.numbers.shape == (300, 64, 48)
    assert content.numbers[:, 48:].isnan().all()
    assert not content.numbers[:, :48].isnan().any()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for place in range(12):
        sound = tone(1.0, pitch=200.0 + 50 * place)
        (tmp_path / f"clip{place}.mp4").write_bytes(movie("mp4", shades(10, top=20 * place), 10, sound))
    names = [f"clip{place}.mp4" for place in range(12)]
    pd.DataFrame({"clip": names, "high": ["no"] * 6 + ["yes"] * 6}).to_csv(tmp_path / "clips.csv", index=False)
    return tmp_path


def test_init_takes_video_files_for_video(folder: Path) -> None:
    proposal = inference.propose(read_table(folder / "clips.csv"), ["high"])
    assert proposal["modalities"] == {"clip": {"type": "video", "column": "clip"}}
    assert proposal["reasons"]["modalities.clip"].startswith("names of videos")


def test_picture_and_sound_of_one_file_are_two_senses(folder: Path) -> None:
    table = DataTable(read_table(folder / "clips.csv").frame, files=folder)
    for sense, part in ((Video("clip"), "frames"), (Audio("clip"), "sound")):
        sense.reader.fit(table, np.arange(12))
        values, refusals = sense.reader.collate(sense.reader.read(table), np.arange(12))
        assert values.count == 12
        assert values.data[part].float().nan_to_num(0.0).var() > 0
        assert refusals == []


def test_the_example_is_heard_as_well() -> None:
    cells = Video("clip").example(6, 0).column("clip").dropna()
    assert all(len(decode(cell, 30.0, Limits()).samples) >= 3 * 800 for cell in cells)
