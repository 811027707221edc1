"""Builds parts out of checked options."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from pydantic import BaseModel

from polymodal.core import PolymodalError, SpecError
from polymodal.fusion.base import Fusion
from polymodal.modalities.base import Modality
from polymodal.model import strangers
from polymodal.objectives.base import Objective
from polymodal.spec.parts import Folder
from polymodal.spec.source import Path, Source, dotted
from polymodal.tasks.base import Task
from polymodal.training import Settings

__all__ = ["Maker"]


class Maker:
    """Builds parts; what a part refuses becomes a problem with the place in the spec."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[PolymodalError] = []

    def part(self, folder: Folder, options: BaseModel, path: Path) -> Any:
        """One part with the options that were given; the others have the defaults of its constructor."""
        given = {name: getattr(options, name) for name in options.model_fields_set if name not in ("type", "from_")}
        name: str = options.type  # type: ignore[attr-defined]
        if name == "auto":
            remedy = "name the type, or let fit settle it from the table"
            return self._refuse(path, "a type other than auto before building", '"auto"', remedy)
        try:
            return folder.parts()[name](**given)
        except PolymodalError as problem:
            where = f"{self.source.value_place(path)} ({problem.where})"
            told = {"expected": problem.expected, "found": problem.found, "remedy": problem.remedy}
            self.problems.append(type(problem)(problem.code, where=where, **told, also=problem.also))
        except (TypeError, ValueError) as problem:
            return self._refuse(path, "options that fit together", str(problem), "change the options")

    def settings(self, options: BaseModel) -> Any:
        """The settings of training."""
        given = {name: getattr(options, name) for name in options.model_fields_set if name != "balancer"}
        try:
            return Settings(**given)
        except (TypeError, ValueError) as problem:
            return self._refuse(("train",), "settings that fit together", str(problem), "change the settings")

    def _refuse(self, path: Path, expected: str, found: str, remedy: str) -> None:
        where = self.source.value_place(path)
        expected = f"{dotted(path)}: {expected}"
        self.problems.append(SpecError("cannot-build", where=where, expected=expected, found=found, remedy=remedy))

    def check_objectives(
        self, objectives: Mapping[str, Objective], modalities: Mapping[str, Modality], tasks: Mapping[str, Task]
    ) -> None:
        """See that objectives find what they work on: a strange name is told before anything is trained."""
        for name, objective in objectives.items() if not self.problems else ():
            try:
                objective.chosen(modalities, tasks)
            except PolymodalError as problem:
                self._misfit(("objectives", name), problem)

    def check_tasks(self, tasks: Mapping[str, Task], modalities: Sequence[str]) -> None:
        """See that tasks speak of modalities that are there."""
        for path, problem in strangers(tasks, modalities) if not self.problems else ():
            self._misfit(("tasks", *path), problem)

    def _misfit(self, path: Path, problem: PolymodalError) -> None:
        """What a part refuses, at its place in the spec."""
        where = f"{self.source.value_place(path)} ({dotted(path)})"
        expected, found, remedy = problem.expected, problem.found, problem.remedy
        self.problems.append(SpecError(problem.code, where=where, expected=expected, found=found, remedy=remedy))

    def check_fusion(self, fusion: Fusion | None, names: Sequence[str], width: int) -> None:
        """Try the fusion at this width, without memory for weights: a misfit is told before data are read."""
        try:
            with torch.device("meta"):
                copy.deepcopy(fusion).build(list(names), width) if fusion is not None else None
        except PolymodalError as problem:
            self._misfit(("model", "fusion"), problem)
        except (TypeError, ValueError, RuntimeError, AssertionError) as problem:
            self._refuse(("model",), "a width and a fusion that fit together", str(problem), "change width or heads")
