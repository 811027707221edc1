"""Which parts there are: every final class that a folder's `__all__` lists, found without anyone registering it."""

import importlib
import inspect

from polymodal.balancing.base import Balancer
from polymodal.fusion.base import Fusion
from polymodal.modalities.base import Modality
from polymodal.objectives.base import Objective
from polymodal.sharing.base import Sharing
from polymodal.tasks.base import Task
from polymodal.testing import FakeModality, FakeTask

FOLDERS = {
    "modalities": Modality,
    "fusion": Fusion,
    "sharing": Sharing,
    "tasks": Task,
    "objectives": Objective,
    "balancing": Balancer,
}
FAKES = {"modalities": [FakeModality], "tasks": [FakeTask]}


def members(folder: str) -> list[type]:
    """The parts of a folder, and the fakes of their kind."""
    listed = importlib.import_module(f"polymodal.{folder}")
    classes = [getattr(listed, name) for name in getattr(listed, "__all__", ())]
    kind = FOLDERS[folder]
    final = [cls for cls in classes if inspect.isclass(cls) and issubclass(cls, kind) and not inspect.isabstract(cls)]
    return [*final, *FAKES.get(folder, [])]
