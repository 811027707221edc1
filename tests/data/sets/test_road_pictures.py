"""Pictures of scenes with known content: what a pixel shows is what stands there, as far away as it stands."""

import importlib.util

import numpy as np
import pytest

from polymodal.core import UsageProblem
from polymodal.data.sets import road_pictures
from polymodal.data.sets.road_pictures import View, seen, weathered, written
from polymodal.data.sets.road_scenes import Body, Camera, Scene, arrange

if importlib.util.find_spec("mujoco") is None:  # importing it here would choose what it draws with
    pytest.skip('needs the extra: pip install "polymodal[scenes]"', allow_module_level=True)

SIZE = (48, 72)


def _scene(*bodies: Body) -> Scene:
    return Scene(list(bodies), (0.3, 0.5, 0.2), Camera(1.5, 0.0, 0.0), (0.0, 0.0, -1.0), 0.0, 2)


def _box(along: float, aside: float, sides: tuple[float, float, float], up: float, role: str) -> Body:
    half = (sides[0] / 2, sides[1] / 2, sides[2] / 2)
    return Body("box", (along, aside, up), half, 0.0, (0.9, 0.1, 0.1), role)


def _seen(scene: Scene) -> View:
    try:
        return seen(scene, SIZE)
    except UsageProblem as problem:
        if problem.code != "nothing-to-draw-with":
            raise
        pytest.skip(f"nothing can be drawn here: {problem}")


def test_a_wall_is_as_far_as_it_stands_and_as_large_as_it_looks() -> None:
    view = _seen(_scene(_box(10.5, 0.0, (1.0, 4.0, 3.0), 1.5, "car 0 0")))
    (left, top, right, bottom, kind), *others = view.boxes
    assert not others
    assert kind == "car"
    # At 10 m, half the picture is 10 tan 22.5° high, and 1.5 times that wide.
    half = 10 * np.tan(np.radians(22.5))
    assert left == pytest.approx(0.5 - 2 / (3 * half), abs=0.02)
    assert right == pytest.approx(0.5 + 2 / (3 * half), abs=0.02)
    assert top == pytest.approx(0.5 - 1.5 / (2 * half), abs=0.03)
    assert bottom == pytest.approx(0.5 + 1.5 / (2 * half), abs=0.03)
    assert view.metres[24, 36] == pytest.approx(10.0, abs=0.01)
    assert np.isinf(view.metres[0]).all()
    assert view.metres[-1, 36] == pytest.approx(1.5 / np.tan(np.radians(22.5)), rel=0.05)


def test_what_stands_to_the_left_is_seen_on_the_left() -> None:
    view = _seen(_scene(_box(10, 3, (1, 2, 2), 1, "truck 1 0"), _box(20, -5, (1, 2, 2), 1, "car -1 0")))
    (truck, car) = view.boxes
    assert (truck[4], car[4]) == ("truck", "car")
    assert truck[2] < 0.5 < car[0]
    redness = view.picture[:, :, 0].astype(int) - view.picture[:, :, 1]
    assert redness[:, :36].max() > 80
    assert redness[24, :9].max() <= 0


def test_what_is_hidden_has_no_box_and_roles_are_of_what_is_seen() -> None:
    lane = _box(20, 0, (40, 3, 0.02), 0.01, "own lane")
    hidden = _box(30, 0, (1, 1.5, 1), 0.5, "car 0 1")
    view = _seen(_scene(lane, _box(10, 0, (1, 2.5, 3), 1.5, "truck 0 0"), hidden))
    assert [box[4] for box in view.boxes] == ["truck"]
    assert set(np.unique(view.roles)) == {0, 1}
    assert view.roles[24, 36] == 0
    assert view.roles[-1, 36] == 1


def test_weather_takes_contrast_from_what_is_far_and_changes_no_truth() -> None:
    scene = arrange(np.random.default_rng(1))
    view = _seen(scene)
    clear, rain, fog = (weathered(view, weather, np.random.default_rng(0)) for weather in road_pictures.WEATHERS)
    for picture in (clear, rain, fog):
        assert picture.shape == (*SIZE, 3)
        assert picture.dtype == np.uint8
    far = np.isfinite(view.metres) & (view.metres > 40)
    near = view.metres < 6
    assert fog[far].std() < 0.5 * clear[far].std()
    assert np.abs(fog[near].mean() - clear[near].mean()) < 40
    assert not (rain == fog).all()


def test_a_scene_is_written_for_the_camera_it_has() -> None:
    text = written(_scene(_box(5, 0, (1, 1, 1), 0.5, "car 0 0")), SIZE)
    assert 'pos="0 0 1.5000"' in text
    assert 'xyaxes="0.0000 -1.0000 0.0000 0.0000 0.0000 1.0000"' in text
    assert text.count("<geom") == 2


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(road_pictures.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageProblem, match=r"polymodal\[scenes\]"):
        seen(_scene(), SIZE)


def test_without_a_way_to_draw_it_is_said_what_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    mujoco = road_pictures._mujoco()

    def broken(*_: object) -> None:
        raise mujoco.FatalError("no context")

    monkeypatch.setattr(mujoco, "Renderer", broken)
    with pytest.raises(UsageProblem, match="libegl1"):
        seen(_scene(), SIZE)
