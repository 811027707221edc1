"""Boxes around things: what the maps are taught, how peaks are read, how boxes move, and that squares are found."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from polymodal import run
from polymodal.core import SpecError
from polymodal.core.seeding import torch_generator
from polymodal.data.augmentation import drawn_moves, warp
from polymodal.data.base import DataTable
from polymodal.spec import Spec
from polymodal.tasks import Detection
from polymodal.tasks.detection import SHARE, CentreHead

NOWHERE = [float("nan")] * 5


def head(classes: int = 2, most: int = 10) -> CentreHead:
    return CentreHead("view", 16, classes, [-1.0, -1.0], most)


def fitted() -> Detection:
    task = Detection("boxes", "view")
    cells = [[[0.1, 0.2, 0.6, 0.9, "car"], [0.0, 0.0, 0.5, 0.5, "sign"]], []]
    task.reader.fit(DataTable(pd.DataFrame({"boxes": pd.Series(cells, dtype=object)})), np.arange(2))
    return task


def maps_of(boxes: torch.Tensor, size: tuple[int, int], classes: int = 2) -> torch.Tensor:
    """Maps that say just this: sure at the centres, and right about place and sides."""
    made = torch.full((len(boxes), classes + 4, *size), -12.0)
    for row, each in enumerate(boxes):
        for left, top, right, bottom, kind in each[each[:, 4].isfinite()].tolist():
            x, y = (left + right) / 2 * size[1], (top + bottom) / 2 * size[0]
            made[row, int(kind), int(y), int(x)] = 12.0
            told = torch.tensor([x - int(x), y - int(y), np.log(right - left), np.log(bottom - top)])
            made[row, classes:, int(y), int(x)] = told
    return made


BOXES = torch.tensor([[[0.1, 0.2, 0.6, 0.9, 0], [0.5, 0.0, 1.0, 0.25, 1]], [NOWHERE, NOWHERE]])


def test_maps_that_say_it_all_lose_nothing_and_are_read_as_what_they_say():
    tested, maps = head(), maps_of(BOXES, (8, 12))
    assert tested.losses(maps, BOXES).tolist() == pytest.approx([0.0, 0.0], abs=1e-4)
    told = tested._peaks(maps)
    held = told[0, :2][told[0, :2, 1].argsort()]
    assert (told[..., 0] > 0.5).sum(dim=1).tolist() == [2, 0]
    assert held[:, 1].tolist() == [0, 1]
    assert torch.allclose(held[:, 2:], BOXES[0, :, :4], atol=1e-5)


def test_the_loss_is_that_of_the_paper():
    """One box in the middle of three cells, by hand: one positive, two that are let off by how near they are."""
    tested = head(classes=1)
    boxes = torch.tensor([[[0.0, 0.0, 1.0, 1.0, 0]]])
    maps = torch.zeros(1, 5, 1, 3)
    chance, spread = 0.5, 0.09 * 3
    near = np.exp(-1 / (2 * spread**2))
    focal = -((1 - chance) ** 2 * np.log(chance)) - 2 * (1 - near) ** 4 * chance**2 * np.log(1 - chance)
    assert tested.losses(maps, boxes)[0].item() == pytest.approx(SHARE * (focal + 0.5 + 0.5), rel=1e-5)


def test_every_map_learns_and_boxes_that_are_not_there_teach_nothing():
    tested, maps = head(), torch.randn(2, 6, 8, 12, generator=torch_generator(0), requires_grad=True)
    losses = tested.losses(maps, BOXES)
    assert torch.isfinite(losses).all()
    slopes = torch.autograd.grad(losses.sum(), maps)[0]
    assert (slopes[:, :2] != 0).all()
    assert (slopes[0, 2:] != 0).sum() == 8  # two boxes, four numbers each
    assert (slopes[1, 2:] == 0).all()
    longer = torch.cat([BOXES, torch.full((2, 3, 5), torch.nan)], dim=1)
    assert torch.equal(tested.losses(maps, longer), losses)


def test_answers_are_read_again_and_judged_by_hand():
    task = fitted()
    outputs = torch.tensor([[[0.9, 0, 0.1, 0.2, 0.6, 0.9], [0.004, 1, 0, 0, 1, 1]], [[0.0] * 6, [0.0] * 6]])
    decoded = task.decode(outputs.flatten(1))
    assert [json.loads(each) for each in decoded.prediction] == [[[0.1, 0.2, 0.6, 0.9, "car", 0.9]], []]
    truth = task.truth(BOXES)
    assert json.loads(truth[0]) == [[0.1, 0.2, 0.6, 0.9, "car"], [0.5, 0.0, 1.0, 0.25, "sign"]]
    (aspect,) = task.aspects(decoded, truth)
    assert aspect.truth.tolist() == [[1, 1], [0, 0]]
    assert task.metrics(aspect.decoded, aspect.truth) == {"ap50": 0.5, "ap50_car": 1.0, "ap50_sign": 0.0}


def test_boxes_go_where_their_pictures_go():
    """A bright block, moved as training moves pictures, still lies in its box."""
    pictures = torch.zeros(40, 1, 48, 64)
    pictures[:, :, 12:24, 20:44] = 1.0
    boxes = torch.tensor([[[20 / 64, 12 / 48, 44 / 64, 24 / 48, 1.0], NOWHERE]]).repeat(40, 1, 1)
    moves = drawn_moves(40, (48, 64), 1.0, True, torch_generator(0))
    moved, went = warp(pictures, None, moves)[0], Detection("boxes", "view").moved(boxes, moves)
    assert went[:, 1].isnan().all()
    assert went[:, 0, 4].tolist() == [1.0] * 40
    for picture, (left, top, right, bottom) in zip(moved, went[:, 0, :4], strict=True):
        rows, columns = torch.nonzero(picture[0] > 0.5, as_tuple=True)
        assert left * 64 - 1 <= columns.min()
        assert columns.max() + 1 <= right * 64 + 1
        assert top * 48 - 1 <= rows.min()
        assert rows.max() + 1 <= bottom * 48 + 1
        # Turned by ten degrees at most, a box is not much larger than what it holds.
        assert (right - left) * 64 <= columns.max() - columns.min() + 1 + 6


def test_a_box_that_has_left_the_picture_is_gone():
    boxes = torch.tensor([[[0.0, 0.0, 0.1, 0.1, 0.0], [0.4, 0.4, 0.6, 0.6, 1.0]]])
    aside = torch.tensor([[[1.0, 0.0, 0.5], [0.0, 1.0, 0.0]]])  # each place shows what lies a quarter to its right
    went = Detection("boxes", "view").moved(boxes, aside)
    assert went[0, 0].isnan().all()
    assert torch.allclose(went[0, 1], torch.tensor([0.15, 0.4, 0.35, 0.6, 1.0]))


def squares(folder: Path, count: int = 90) -> pd.DataFrame:
    """Grey pictures with one bright square or dark bar somewhere, or none."""
    draw, rows = np.random.default_rng(0), []
    for number in range(count):
        picture, boxes = draw.integers(100, 140, (32, 32), dtype=np.uint8), []
        if number % 6:
            height, width = (10, 10) if number % 2 else (6, 14)
            top, left = draw.integers(0, 32 - height), draw.integers(0, 32 - width)
            picture[top : top + height, left : left + width] = 250 if number % 2 else 5
            kind = "square" if number % 2 else "bar"
            boxes.append([left / 32, top / 32, (left + width) / 32, (top + height) / 32, kind])
        Image.fromarray(picture).save(folder / f"{number}.png")
        rows.append({"id": f"r{number}", "view": f"{number}.png", "things": json.dumps(boxes)})
    return pd.DataFrame(rows)


def test_squares_and_bars_are_found(tmp_path):
    squares(tmp_path).to_csv(tmp_path / "table.csv", index=False)
    spec = Spec.from_text(
        """
        data: {table: table.csv, id: id, split: {test: 0.2, seed: 0}}
        modalities: {view: {type: image, column: view, tokens: pyramid, size: 32}}
        tasks: {things: {type: detection, target: things, of: view}}
        model: {width: 16}
        train: {epochs: 25, batch_size: 16, members: 1, lr: 0.01}
        """,
        tmp_path,
    )
    told = run.fit(spec, tmp_path / "run")["tasks"]["things"]
    assert told["metrics"]["ap50"] > 0.6
    low, high = told["intervals"]["ap50"]
    assert low <= told["metrics"]["ap50"] <= high
    made = pd.read_parquet(tmp_path / "run" / "predictions.parquet")
    said = json.loads(made["things.prediction"].iloc[0])
    assert all(len(box) == 6 and box[4] in ("square", "bar") for box in said)


@pytest.mark.parametrize(
    "task",
    [
        {"type": "detection", "target": "boxes", "of": "view", "names": ["car", "car"]},
        {"type": "segmentation", "target": "marks", "of": "view", "names": ["car", "car"]},
        {"type": "ordinal", "target": "grade", "order": ["car", "car"]},
    ],
    ids=lambda task: task["type"],
)
def test_a_class_is_named_once(task: dict) -> None:
    views = {"view": {"type": "image", "column": "picture", "tokens": "pyramid"}}
    with pytest.raises(SpecError, match="each name once") as caught:
        Spec.from_dict({"data": {"table": "t.csv"}, "modalities": views, "tasks": {"asked": task}}).build()
    assert '"car" stands there again' in caught.value.expected
