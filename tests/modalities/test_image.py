"""The image modality beyond what the contract kit holds every modality to."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image as Pillow
from torch import Tensor, nn

from polymodal.core import Tokens
from polymodal.core.seeding import torch_generator
from polymodal.data.base import DataTable
from polymodal.data.imaging import ImageColumn
from polymodal.modalities import Image
from polymodal.testing import check_modality

OPTIONS = [
    {"encoder": "patches"},
    {"tokens": "grid"},
    {"encoder": "patches", "tokens": "grid", "padded": True},
    {"padded": True, "size": (24, 18), "channels": 1},
    {"augment": 0.0, "flip": True, "cache_megabytes": 0.0},
    {"augment": 0.0, "colours": 1.0},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_choice_keeps_the_contract(options: dict[str, object]) -> None:
    check_modality(Image("scan", **options))


def of_files(folder: Path, values: list[np.ndarray]) -> DataTable:
    for number, pixels in enumerate(values):
        Pillow.fromarray(pixels).save(folder / f"{number}.tiff")
    return DataTable(pd.DataFrame({"scan": [f"{number}.tiff" for number in range(len(values))]}), files=folder)


@pytest.mark.parametrize("encoder", ["convolution", "patches"])
def test_depth_maps_are_read_scaled_and_masked(tmp_path: Path, encoder: str) -> None:
    draw = np.random.default_rng(0)
    depths = [draw.uniform(500, 4000, (18, 24)).astype(np.float32) for _ in range(6)]
    depths[0][:9] = np.nan
    table = of_files(tmp_path, depths)
    modality = Image("scan", encoder=encoder, size=(18, 24))
    modality.reader.fit(table, np.arange(6))
    values, refusals = modality.reader.collate(modality.reader.read(table), np.arange(6))
    assert refusals == []
    assert values.data["pixels"].dtype == torch.float32
    assert values.data["known"][0].float().mean() == 0.5
    budget = modality.budget()["pixels"]
    assert 500 <= budget.low < budget.high <= 4000
    assert budget.radius == pytest.approx(8 / 255 * (budget.high - budget.low))
    net = modality.build_encoder(8).eval()
    wanted = net(values.data).values
    assert torch.isfinite(wanted).all()
    assert wanted.abs().max() < 100
    # What a damaged sensor reports far beyond the training range is cut off, and stays bearable.
    assert net({**values.data, "pixels": values.data["pixels"] * 1e30}).values.abs().max() < 1000
    changed = modality.perturb(values.data, torch_generator(0))
    coloured = Image("scan", size=(18, 24), augment=0.0, colours=1.0)
    coloured.reader.fit(table, np.arange(6))
    assert torch.equal(
        coloured.perturb(values.data, torch_generator(0))["pixels"].nan_to_num(), values.data["pixels"].nan_to_num()
    )
    shallow = changed["pixels"][changed["known"].unsqueeze(1)]
    assert shallow.min() >= budget.low - 1e-2
    assert shallow.max() <= budget.high + 1e-2


def test_colours_change_alone_where_nothing_else_is_asked_for() -> None:
    shades = [np.full((8, 8, 3), shade, np.uint8) for shade in (40, 90, 140, 200)]
    table = DataTable(pd.DataFrame({"scan": pd.Series(shades, dtype=object)}))
    modality = Image("scan", size=8, augment=0.0, colours=1.0)
    modality.reader.fit(table, np.arange(4))
    parts = modality.reader.collate(modality.reader.read(table), np.arange(4))[0].data
    found = modality.perturb(parts, torch_generator(0))["pixels"]
    assert found.dtype == torch.uint8
    assert (found == found[:, :, :1, :1]).all()  # every place alike: nothing moved
    middles = found[:, :, 0, 0].float()
    assert (middles.amax(1) - middles.amin(1)).max() > 5
    gains = middles / torch.tensor([40.0, 90.0, 140.0, 200.0]).unsqueeze(1)
    assert gains.std(dim=0).min() > 0.02  # each picture on its own
    assert modality.perturb_along(parts, torch_generator(0))[1] is None


def test_an_encoder_of_ones_own() -> None:
    class Brightness(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.out = nn.Linear(1, width)

        def forward(self, parts: dict[str, Tensor]) -> Tokens:
            mean = parts["pixels"].to(self.out.weight.dtype).mean(dim=(1, 2, 3)) / 255
            values = self.out(mean.view(-1, 1, 1))
            return Tokens(values, torch.ones(values.shape[:2], dtype=torch.bool))

    def build(reader: ImageColumn, width: int) -> nn.Module:
        assert reader.learned.canvas.channels == 3
        return Brightness(width)

    check_modality(Image("scan", encoder=build))
    assert Image("scan", encoder=build).chosen()[0] == "custom"


def test_the_choice_is_said() -> None:
    assert Image("scan").chosen()[0] == "convolution"
    assert Image("scan", encoder="patches").chosen() == ("patches", "the spec asks for it")


@pytest.mark.parametrize(("size", "patch"), [(28, 4), (32, 4), (64, 8), (8, 2), (224, 28)])
def test_patches_are_about_an_eighth(size: int, patch: int) -> None:
    assert Image("scan", size=size).patch_side == patch
    assert Image("scan", size=size, patch=5).patch_side == 5


def test_attacks_reach_the_pixels() -> None:
    modality = Image("scan")
    table = modality.example(8, 0)
    modality.reader.fit(table, np.arange(8))
    values, _ = modality.reader.collate(modality.reader.read(table), np.arange(8))
    pixels = values.data["pixels"].float().requires_grad_()
    modality.build_encoder(8)({"pixels": pixels}).values.square().sum().backward()
    assert pixels.grad is not None
    assert (pixels.grad.flatten(1).abs().sum(1) > 0).all()


def test_real_pictures(real_data) -> None:
    folder = real_data("emoji_noto")
    names = sorted(path.name for path in (folder / "png64").iterdir())[:200]
    table = DataTable(pd.DataFrame({"image": names}), files=folder / "png64")
    modality = Image("image")
    modality.reader.fit(table, np.arange(150))
    canvas = modality.reader.learned.canvas
    assert (canvas.height, canvas.width, canvas.channels) == (64, 64, 3)
    values, refusals = modality.reader.collate(modality.reader.read(table), np.arange(200))
    assert refusals == []
    assert values.count == 200
    assert (values.data["pixels"][:, :, 0, 0] == 255).float().mean() > 0.5  # transparent corners are white
