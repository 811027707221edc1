"""Every part of every folder keeps its contract; a new one is found by itself."""

import importlib
from pathlib import Path

import pytest

from polymodal.modalities import Volume
from polymodal.tasks import Picture
from polymodal.testing import (
    check_balancer,
    check_fusion,
    check_modality,
    check_objective,
    check_sharing,
    check_task,
    make_part,
)
from tests.members import FOLDERS, members

SOURCE = Path(__file__).parents[2] / "src" / "polymodal"


@pytest.mark.parametrize("kind", members("modalities"))
def test_modality(kind):
    check_modality(make_part(kind, {"size": 8} if kind is Volume else {}))


@pytest.mark.parametrize("kind", members("fusion"))
def test_fusion(kind):
    check_fusion(make_part(kind))


@pytest.mark.parametrize("kind", members("sharing"))
def test_sharing(kind):
    check_sharing(make_part(kind))


@pytest.mark.parametrize("kind", members("tasks"))
def test_task(kind):
    check_task(make_part(kind, {"size": 8, "steps": 3} if kind is Picture else {}))


@pytest.mark.parametrize("kind", members("objectives"))
def test_objective(kind):
    check_objective(make_part(kind))


@pytest.mark.parametrize("kind", members("balancing"))
def test_balancer(kind):
    check_balancer(make_part(kind))


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_part_of_a_folder_is_listed(folder):
    kind, listed = FOLDERS[folder], {part.__name__ for part in members(folder)}
    for path in (SOURCE / folder).glob("*.py"):
        module = importlib.import_module(
            f"polymodal.{folder}.{path.stem}" if path.stem != "__init__" else f"polymodal.{folder}"
        )
        own = [part for part in vars(module).values() if isinstance(part, type) and part.__module__ == module.__name__]
        parts = {part.__name__ for part in own if issubclass(part, kind) and part is not kind}
        assert parts <= listed, f"{path.name}: {sorted(parts - listed)} missing from polymodal.{folder}.__all__"
