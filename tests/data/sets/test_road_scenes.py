"""What stands where."""

import numpy as np
import pytest

from polymodal.data.sets.road_scenes import KINDS, ROLES, Scene, arrange, is_vehicle


def _many() -> list[Scene]:
    return [arrange(np.random.default_rng(seed)) for seed in range(20)]


def test_the_same_draw_is_the_same_scene() -> None:
    assert arrange(np.random.default_rng(3)) == arrange(np.random.default_rng(3))
    assert arrange(np.random.default_rng(3)) != arrange(np.random.default_rng(4))


def test_the_camera_stands_above_its_own_lane_and_beside_another() -> None:
    for scene in _many():
        assert 2 <= scene.lanes <= 4
        assert {"own lane", "other lane", "marking"} <= {body.role for body in scene.bodies}
        under = min((body for body in scene.bodies if body.role == "own lane"), key=lambda body: np.hypot(*body.at[:2]))
        assert np.hypot(*under.at[:2]) < 1e-6
        assert scene.camera.height > under.at[2] + under.half[2]


def test_every_role_is_a_class_or_a_vehicle() -> None:
    for scene in _many():
        for body in scene.bodies:
            assert body.role in ROLES or is_vehicle(body.role)
            assert all(side > 0 for side in body.half)
            assert all(0 <= part <= 1 for part in body.colour)


@pytest.mark.parametrize("role", ["elsewhere", "own lane", "marking"])
def test_roads_are_no_vehicles(role: str) -> None:
    assert not is_vehicle(role)
    assert is_vehicle("truck -1 0")


def test_vehicles_of_a_lane_stand_apart() -> None:
    seen = 0
    for scene in _many():
        middles: dict[str, np.ndarray] = {}
        for body in scene.bodies:
            if is_vehicle(body.role):
                middles.setdefault(body.role, np.array(body.at[:2]))
        names = list(middles)
        for at, name in enumerate(names):
            for other in names[:at]:
                same = name.split()[1] == other.split()[1]
                distance = np.hypot(*(middles[name] - middles[other]))
                assert distance > (KINDS["car"][0] if same else KINDS["car"][1])
                seen += 1
    assert seen > 20


def test_a_road_bends_as_it_says() -> None:
    for scene in _many():
        own = [body for body in scene.bodies if body.role == "own lane"]
        turns = np.array([body.turn for body in own])
        assert abs(turns[1]) < 1e-9
        assert np.diff(turns)[1] / 3.0 == pytest.approx(scene.bend, abs=1e-3)
