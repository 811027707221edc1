"""The volume modality beyond what the contract kit holds every modality to."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal.core.seeding import torch_generator
from polymodal.data import inference
from polymodal.data.tables import read_table
from polymodal.data.volumes import encode
from polymodal.modalities import Volume
from polymodal.testing import check_modality

pytest.importorskip("nibabel", reason='needs the extra: pip install "polymodal[imaging]"')

OPTIONS = [
    {"size": 8, "tokens": "grid"},
    {"size": (12, 10, 8), "side": 1.5, "scaling": "training", "patch": 3},
    {"size": 8, "channels": 2, "flip": True, "augment": 0.0, "cache_megabytes": 0.0},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_choice_keeps_the_contract(options: dict[str, object]) -> None:
    check_modality(Volume("scan", **options), rows=24)


def fitted(**options: object) -> tuple[Volume, dict[str, torch.Tensor]]:
    modality = Volume("scan", **({"size": 8} | options))
    table = modality.example(12, 0)
    modality.reader.fit(table, np.arange(12))
    values, _ = modality.reader.collate(modality.reader.read(table), np.arange(12))
    return modality, dict(values.data)


def test_left_stays_left_however_the_file_counts() -> None:
    voxels = np.zeros((16, 12, 10), dtype=np.float32)
    voxels[1:6, 4:9, 3:8] = 50.0  # small x: left where x runs to the right
    turned = {
        "right": encode(voxels, np.diag([1.0, 1.0, 1.0, 1.0])),
        "left": encode(voxels[::-1].copy(), np.diag([-1.0, 1.0, 1.0, 1.0])),
    }
    cells = pd.Series(list(turned.values()), dtype=object)
    modality = Volume("scan", size=8, empty="none")
    table = modality.example(4, 0)
    table = type(table)(pd.DataFrame({"scan": cells}))
    modality.reader.fit(table, np.arange(2))
    parts = modality.reader.collate(modality.reader.read(table), np.arange(2))[0].data["voxels"]
    torch.testing.assert_close(parts[0], parts[1])
    assert parts[0, 0, :4].mean() > parts[0, 0, 4:].mean() + 0.2


def test_shifts_keep_the_sides_and_flips_are_off_unless_asked_for() -> None:
    modality, parts = fitted(augment=0.5)
    ramp = torch.arange(8.0).view(1, 1, 8, 1, 1).expand(64, 1, 8, 8, 8) - 3.5
    given = {"voxels": ramp, "spacing": torch.ones(64, 3)}
    for flip, wanted in ((False, 0), (True, 20)):
        modality.flip = flip
        moved = modality.perturb(given, torch_generator(0, "x"))["voxels"]
        falls = (moved[:, 0, 6].mean((1, 2)) < moved[:, 0, 1].mean((1, 2))).sum()
        assert falls >= wanted if wanted else falls == 0
        assert torch.equal(modality.perturb(given, torch_generator(0, "x"))["spacing"], given["spacing"])
    assert not torch.equal(modality.perturb(parts, torch_generator(0, "x"))["voxels"], parts["voxels"])
    modality.augment, modality.flip = 0.0, False
    assert modality.perturb(parts, torch_generator(0, "x")) is parts


def test_hidden_cubes_are_unknown_and_content_is_theirs() -> None:
    modality, parts = fitted(patch=4)
    changed, hidden = modality.corrupt(parts, 0.5, torch_generator(0, "x"))
    content = modality.content(parts).numbers
    assert content.shape == (len(parts["voxels"]), 8, 64)
    assert torch.equal(content[0, 1].view(4, 4, 4), parts["voxels"][0, 0, :4, :4, 4:])
    assert torch.equal(modality.content(changed).numbers.isnan().all(dim=2), hidden)
    whole = ~hidden
    assert torch.equal(modality.content(changed).numbers[whole], content[whole])


def test_attacks_reach_the_voxels() -> None:
    modality, parts = fitted()
    voxels = parts["voxels"].clone().requires_grad_()
    modality.build_encoder(8).eval()({**parts, "voxels": voxels}).values.square().sum().backward()
    assert voxels.grad is not None
    assert (voxels.grad.flatten(1).abs().sum(1) > 0).all()


def test_init_takes_nifti_files_for_volumes(tmp_path: Path) -> None:
    for ending in (".nii", ".nii.gz"):
        names = [f"case{place}{ending}" for place in range(12)]
        for name in names:
            (tmp_path / name).write_bytes(b"not opened")
        frame = pd.DataFrame({"path": names, "ill": ["no"] * 6 + ["yes"] * 6})
        frame.to_csv(tmp_path / "cohort.csv", index=False)
        proposal = inference.propose(read_table(tmp_path / "cohort.csv"), ["ill"])
        assert proposal["modalities"] == {"path": {"type": "volume", "column": "path"}}
        assert proposal["reasons"]["modalities.path"].startswith("names of volumes")
