"""The audio modality beyond what the contract kit holds every modality to."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal.core.seeding import torch_generator
from polymodal.data import inference
from polymodal.data.tables import read_table
from polymodal.modalities import Audio
from polymodal.modalities.audio import _moved
from polymodal.testing import check_modality

soundfile = pytest.importorskip("soundfile", reason='needs the extra: pip install "polymodal[audio]"')

OPTIONS = [
    {"encoder": "patches"},
    {"encoder": "recurrent", "patch": 4},
    {"tokens": "steps"},
    {"encoder": "summary"},
    {"encoder": "both"},
    {"encoder": "patches", "tokens": "steps", "rate": 11_025},
    {"augment": 0.0, "level": False, "bands": 20, "longest": 0.2},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_choice_keeps_the_contract(options: dict[str, object]) -> None:
    check_modality(Audio("sound", **options))


def test_a_summary_has_no_steps() -> None:
    with pytest.raises(ValueError, match="a summary has no steps"):
        Audio("sound", encoder="both", tokens="steps")


def test_masks_are_one_run_of_bands_and_one_of_frames() -> None:
    sound = torch.randn(300, 40, 16)
    sound[:, 30:] = torch.nan
    changed = Audio("sound", augment=1.0).perturb({"sound": sound}, torch_generator(0, "x"))["sound"]
    assert torch.equal(changed.isnan(), sound.isnan())
    covered = (changed == 0)[:, :30]
    bands, frames = covered.all(dim=1), covered.all(dim=2)
    assert bands.sum(dim=1).max() == 4  # a quarter of the bands
    assert frames.sum(dim=1).max() == 6  # a fifth of the frames that are known
    for runs in (bands, frames):
        edges = (runs[:, 1:] & ~runs[:, :-1]).sum(dim=1) + runs[:, 0]
        assert edges.max() == 1
    assert torch.equal(covered, bands.unsqueeze(1) | frames.unsqueeze(2))
    assert 0.0 < float(bands.float().mean()) < 0.25


def test_a_spectrum_is_moved_by_parts_of_a_band() -> None:
    sound = torch.arange(8.0).expand(3, 2, 8).clone()
    sound[1, 1] = torch.nan
    moved = _moved(sound, torch.tensor([0.5, -2.0, 0.0]))
    assert moved[0, 0].tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.0]
    assert moved[1, 0].tolist() == [0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert torch.equal(moved[2], sound[2])
    assert torch.equal(moved.isnan(), sound.isnan())


def test_by_default_a_clip_is_read_both_ways() -> None:
    for options, tokens in (({}, 2), ({"tokens": "steps"}, None), ({"encoder": "summary"}, 1)):
        audio = Audio("sound", **options)
        table = audio.example(12, seed=0)
        audio.reader.fit(table, np.arange(12))
        values, _ = audio.reader.collate(audio.reader.read(table), np.arange(12))
        made = audio.build_encoder(16).eval()(values.data)
        assert tokens is None or made.values.shape[1] == tokens
        assert (audio.chosen()[0] == "both") == (not options)


def test_init_takes_sound_files_for_audio(tmp_path: Path) -> None:
    names = []
    for place in range(12):
        names.append(f"clip{place}.wav")
        soundfile.write(tmp_path / names[-1], np.sin(np.arange(800) * (0.1 + 0.01 * place)), 8000)
    pd.DataFrame({"path": names, "high": ["no"] * 6 + ["yes"] * 6}).to_csv(tmp_path / "clips.csv", index=False)
    proposal = inference.propose(read_table(tmp_path / "clips.csv"), ["high"])
    assert proposal["modalities"] == {"path": {"type": "audio", "column": "path"}}
    assert proposal["reasons"]["modalities.path"].startswith("names of sounds")
