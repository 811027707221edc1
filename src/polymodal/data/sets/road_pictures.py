"""Pictures of drawn road scenes by MuJoCo, with what each pixel shows and how far away it is; and the weather."""

import importlib.util
import os
import sys
from contextlib import closing
from typing import Any, NamedTuple

import numpy as np

from polymodal.core import UsageProblem, missing_extra
from polymodal.data.sets.road_scenes import ROLES, Body, Scene, is_vehicle

__all__ = ["FARTHEST", "SIZE", "WEATHERS", "View", "seen", "weathered", "written"]

SIZE = (96, 144)
"""Height and width of a picture in pixels."""
OPENING = 45.0
"""The angle from the lower to the upper edge of a picture, in degrees."""
FINER = 2
"""Scenes are drawn that much larger: pictures are means of such pixels, so that edges are smooth; maps take one."""
FARTHEST = 80.0
"""Metres; what is beyond has no distance."""
LEAST = 24
"""Pixels of a vehicle from which on it has a box."""
WEATHERS = {"clear": None, "rain": (100.0, 200.0), "fog": (25.0, 80.0)}
"""How far one can see in metres, from and to: a twentieth of the contrast is left there (Koschmieder 1924)."""
BROKEN = (AttributeError, ImportError, OSError, RuntimeError)
"""How bindings of OpenGL fail where a library lacks."""
STREAKS, GRAIN = (100, 250), 5.0
"""Streaks of rain in a picture, from and to; and how much light each pixel gets by chance, of 255."""


class View(NamedTuple):
    """What a camera sees.

    Picture (height, width, 3) uint8; `roles` (height, width) uint8 places in ROLES; `metres` (height, width) along the
    camera's axis, inf in the sky; `boxes` [left, top, right, bottom, kind] of vehicles, in shares of the sides.
    """

    picture: np.ndarray
    roles: np.ndarray
    metres: np.ndarray
    boxes: list[list[Any]]


def seen(scene: Scene, size: tuple[int, int] = SIZE) -> View:
    """What the camera of a scene sees in clear air, its sky black; drawn without a screen, shadows and reflections.

    Raises UsageProblem without the extra "scenes", and where nothing can be drawn without a screen (on Linux, EGL).
    """
    mujoco, (height, width) = _mujoco(), size
    model = mujoco.MjModel.from_xml_string(written(scene, size))
    state = mujoco.MjData(model)
    mujoco.mj_forward(model, state)
    with closing(_renderer(mujoco, model, (height * FINER, width * FINER))) as renderer:
        renderer.update_scene(state, "eye")
        for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
            renderer.scene.flags[flag] = 0
        fine = renderer.render().astype(np.float64)
        renderer.enable_depth_rendering()
        metres = renderer.render()[::FINER, ::FINER].copy()
        renderer.disable_depth_rendering()
        renderer.enable_segmentation_rendering()
        numbers = renderer.render()[::FINER, ::FINER, 0].copy()
    picture = fine.reshape(height, FINER, width, FINER, 3).mean(axis=(1, 3)).round().astype(np.uint8)
    roles, boxes = _told(scene, numbers)
    return View(picture, roles, np.where(numbers < 0, np.inf, metres), boxes)


def _mujoco() -> Any:
    """The package; what it draws with is chosen when it is imported first."""
    if sys.platform.startswith("linux"):
        os.environ.setdefault("MUJOCO_GL", "egl")
    if importlib.util.find_spec("mujoco") is None:
        raise missing_extra("drawing roads", "mujoco", "scenes")
    try:
        import mujoco
    except BROKEN as error:
        raise _nothing_to_draw_with(error) from error
    return mujoco


def _renderer(mujoco: Any, model: Any, size: tuple[int, int]) -> Any:
    """What draws a model at some size."""
    try:
        return mujoco.Renderer(model, *size)
    except (*BROKEN, mujoco.FatalError) as error:
        raise _nothing_to_draw_with(error) from error


def _nothing_to_draw_with(error: Exception) -> UsageProblem:
    return UsageProblem(
        "nothing-to-draw-with",
        where="drawing roads",
        expected="OpenGL without a screen",
        found=f"MUJOCO_GL={os.environ.get('MUJOCO_GL', '')}: {type(error).__name__}: {error}",
        remedy="on Debian: apt-get install libegl1 libgl1-mesa-dri; and MUJOCO_GL=egl before mujoco is imported",
    )


def written(scene: Scene, size: tuple[int, int] = SIZE) -> str:
    """A scene in MuJoCo's own XML; its first body is the ground, the others follow in their order."""
    eye, (height, width) = scene.camera, size
    ahead = np.array([np.cos(eye.down) * np.cos(eye.left), np.cos(eye.down) * np.sin(eye.left), -np.sin(eye.down)])
    right = np.array([np.sin(eye.left), -np.cos(eye.left), 0.0])
    axes = _numbers(*right, *np.cross(right, ahead))
    return f"""<mujoco>
<statistic extent="1"/>
<visual>
 <global offwidth="{width * FINER}" offheight="{height * FINER}"/>
 <map znear="0.3" zfar="400"/>
 <quality shadowsize="0" offsamples="0"/>
 <headlight ambient="0.45 0.45 0.45" diffuse="0.15 0.15 0.15" specular="0 0 0"/>
</visual>
<worldbody>
 <light directional="true" castshadow="false" dir="{_numbers(*scene.light)}" diffuse="0.5 0.5 0.5" specular="0 0 0"/>
 <camera name="eye" pos="0 0 {eye.height:.4f}" xyaxes="{axes}" fovy="{OPENING}"/>
 <geom type="plane" size="400 400 1" rgba="{_numbers(*scene.ground)} 1"/>
{"".join(_geom(body) for body in scene.bodies)}</worldbody>
</mujoco>"""


def _geom(body: Body) -> str:
    turn = f"{np.degrees(body.turn):.4f}"
    size = _numbers(*(body.half[:1] + body.half[2:] if body.shape == "cylinder" else body.half))
    return (
        f' <geom type="{body.shape}" pos="{_numbers(*body.at)}" size="{size}" euler="0 0 {turn}" '
        f'rgba="{_numbers(*body.colour)} 1"/>\n'
    )


def _numbers(*values: float) -> str:
    return " ".join(f"{value:.4f}" for value in values)


def _told(scene: Scene, numbers: np.ndarray) -> tuple[np.ndarray, list[list[Any]]]:
    """Roles of pixels and boxes around vehicles, by the number of the body that each pixel shows (−1: sky)."""
    names = [ROLES[0], *(body.role for body in scene.bodies)]
    place = np.array([ROLES.index(name) if name in ROLES else 0 for name in [*names, ROLES[0]]], dtype=np.uint8)
    height, width = numbers.shape
    found = []
    for name in dict.fromkeys(filter(is_vehicle, names)):
        rows, columns = np.nonzero(np.isin(numbers, [at for at, own in enumerate(names) if own == name]))
        if len(rows) >= LEAST:
            sides = columns.min() / width, rows.min() / height, (columns.max() + 1) / width, (rows.max() + 1) / height
            found.append([*(round(float(side), 4) for side in sides), name.split()[0]])
    return place[numbers], found


def weathered(view: View, weather: str, draw: np.random.Generator) -> np.ndarray:
    """The picture under a sky, in weather that is one of WEATHERS, with grain; (height, width, 3) uint8.

    Air adds its own light to what is far away and takes as much of the thing's: with distance d and the range of sight
    V, exp(−3 d / V) of the thing is left (Koschmieder's law). Rain also darkens, and draws streaks.
    """
    height, width = view.metres.shape
    sky = draw.uniform([110, 140, 180], [170, 190, 240]) if weather == "clear" else np.full(3, draw.uniform(130, 200))
    fade = np.linspace(0, 1, height)[:, None, None]
    there = np.isfinite(view.metres)[:, :, None]
    light = np.where(there, view.picture.astype(np.float64), sky + (235 - sky) * fade * 0.7)
    sight = WEATHERS[weather]
    if sight is not None:
        kept = np.exp(-3 * view.metres / draw.uniform(*sight))[:, :, None]
        light = kept * light + (1 - kept) * sky
    if weather == "rain":
        light = _rained(light * draw.uniform(0.55, 0.8), draw)
    light += draw.normal(0, GRAIN, (height, width, 1)) + draw.normal(0, GRAIN / 2, (height, width, 3))
    return light.clip(0, 255).round().astype(np.uint8)


def _rained(light: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Pale streaks, all in nearly one direction."""
    height, width, _ = light.shape
    slant, wet = draw.uniform(-0.4, 0.4), light.copy()
    for _ in range(int(draw.integers(*STREAKS))):
        steps = np.arange(draw.integers(3, 10))
        rows = (draw.uniform(-5, height) + steps).astype(int)
        columns = (draw.uniform(0, width) + slant * steps).astype(int)
        here = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        strength = draw.uniform(0.15, 0.45)
        wet[rows[here], columns[here]] = (1 - strength) * light[rows[here], columns[here]] + strength * 215
    return wet
