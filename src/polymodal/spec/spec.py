"""A spec: plain data that was checked, and the objects it stands for."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path as FilePath
from textwrap import shorten
from typing import Any

from polymodal.balancing.base import Balancer
from polymodal.core import PolymodalError
from polymodal.data.base import Column
from polymodal.data.selection import expand_columns
from polymodal.fusion.base import Fusion
from polymodal.modalities.base import Modality
from polymodal.objectives.base import Objective, contrasting
from polymodal.sharing import Hard, Sharing
from polymodal.spec.building import Maker
from polymodal.spec.checking import checked
from polymodal.spec.overrides import override
from polymodal.spec.parts import BALANCERS, FUSIONS, MODALITIES, OBJECTIVES, SHARINGS, TASKS, describe
from polymodal.spec.plain import plain_source
from polymodal.spec.reading import read_file, read_text
from polymodal.spec.sections import ANSWERS, DataSection, document_model
from polymodal.spec.source import Path, Source, dotted
from polymodal.spec.writing import to_yaml
from polymodal.tasks.base import Task
from polymodal.training import Settings

__all__ = ["Parts", "Spec", "load"]


@dataclass(frozen=True)
class Parts:
    """The objects that a spec stands for, ready for `Model` and `train`."""

    modalities: dict[str, Modality]
    tasks: dict[str, Task]
    fusion: Fusion
    balancer: Balancer
    settings: Settings
    width: int
    objectives: dict[str, Objective] = field(default_factory=dict)
    sharing: Sharing = field(default_factory=Hard)

    @property
    def readers(self) -> list[Column[Any]]:
        """What reads the table, for each modality, then for each task, and then what objectives read beside these."""
        own = [part.reader for parts in (self.modalities, self.tasks) for part in parts.values()]
        return own + [reader for objective in self.objectives.values() for reader in objective.reads.values()]

    @property
    def ensembles(self) -> bool:
        """Whether the answers of several models can be brought together."""
        return all(task.ensembles for task in self.tasks.values())

    @property
    def contrasts(self) -> bool:
        """Whether all that is learned is to tell rows apart."""
        return contrasting(self.tasks.values(), self.objectives.values())


class Spec:
    """What a model is made of, trained on and asked for.

    A spec holds the keys that were given and nothing else; what was left out has its default when it is built. Two
    specs are equal when they say the same. `folder` is what the paths inside are relative to. Raises SpecError, with
    every problem at once, where the data do not say something that can be built.

    >>> spec = Spec.from_dict(
    ...     {
    ...         "data": {"table": "cohort.csv"},
    ...         "modalities": {"labs": {"type": "table", "columns": ["age", "csf_*"]}},
    ...         "tasks": {"diagnosis": {"type": "binary", "target": "diagnosis"}},
    ...     }
    ... )
    >>> spec.build().tasks["diagnosis"].target
    'diagnosis'
    """

    def __init__(self, source: Source, folder: FilePath = FilePath()) -> None:
        self.source, self.folder = source, folder
        self._document = checked(source)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], folder: FilePath = FilePath(), name: str = "spec") -> "Spec":
        """A spec out of plain data; `name` stands for it in messages."""
        return cls(plain_source(data, name), folder)

    @classmethod
    def from_text(cls, text: str, folder: FilePath = FilePath(), name: str = "spec") -> "Spec":
        """A spec out of YAML or JSON text."""
        return cls(read_text(text, name), folder)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spec) and self.source.data == other.source.data

    def __hash__(self) -> int:
        return hash(json.dumps(self.source.data, sort_keys=True))

    def __repr__(self) -> str:
        inputs, targets = (", ".join(self.source.data.get(key, {})) for key in ("modalities", "tasks"))
        return f"Spec({self.source.name}: {inputs} → {targets})"

    @property
    def data(self) -> DataSection:
        """The section `data`, with its defaults."""
        return self._document.data

    @property
    def tables(self) -> list[FilePath]:
        """The files of its tables, as this process can open them."""
        data = self.data
        given = [each.table for each in data.tables.values()] if data.table is None else [data.table]
        return [self.path(table) for table in given]

    @property
    def modalities(self) -> dict[str, dict[str, Any]]:
        """The modalities as plain data, as they were given."""
        return self.to_dict()["modalities"]

    @property
    def tasks(self) -> dict[str, dict[str, Any]]:
        """The tasks as plain data, as they were given."""
        return self.to_dict().get("tasks", {})

    @property
    def objectives(self) -> dict[str, dict[str, Any]]:
        """The objectives as plain data, as they were given."""
        return self.to_dict().get("objectives", {})

    @property
    def start_from(self) -> FilePath | None:
        """The run whose weights are begun with, as this process can open it; None without one."""
        given: str | None = self._document.model.start_from
        return None if given is None else self.path(given)

    @property
    def automatic(self) -> list[str]:
        """Dotted paths of the parts whose type is `auto`: they are settled from the table before the spec is built."""
        sections = {"modalities": self.modalities, "tasks": self.tasks}
        return [
            f"{key}.{name}" for key, parts in sections.items() for name, part in parts.items() if part["type"] == "auto"
        ]

    def path(self, relative: str) -> FilePath:
        """A path of the spec, such as `data.table`, as this process can open it."""
        return self.folder / relative

    def to_dict(self) -> dict[str, Any]:
        """The spec as plain data, a copy."""
        return json.loads(json.dumps(self.source.data))

    def to_yaml(self, reasons: Mapping[str, str] | None = None) -> str:
        """The spec as YAML; `reasons` maps dotted paths to comments."""
        return to_yaml(self.source.data, reasons)

    def changes(self, before: "Spec") -> list[str]:
        """What differs from an earlier spec: "train.epochs: 30, was 12" for each value, the dotted path first."""
        return _changes((), self.source.data, before.source.data)

    def override(self, *assignments: str) -> "Spec":
        """The same spec with keys set as after `--set`: `spec.override("train.lr=3e-4")`."""
        return Spec(override(self.source, assignments), self.folder)

    def replaced(self, data: Mapping[str, Any], folder: FilePath | None = None) -> "Spec":
        """Other data, and perhaps another folder, with messages that still name the places of this spec."""
        made = plain_source(data, self.source.name)
        return Spec(replace(self.source, data=made.data), self.folder if folder is None else folder)

    def only(self, tasks: Collection[str]) -> "Spec":
        """The same spec without its other tasks."""
        data = self.to_dict()
        return self.replaced(data | {"tasks": {name: part for name, part in data["tasks"].items() if name in tasks}})

    def expanded(self, names: Sequence[str]) -> "Spec":
        """The same spec with patterns in `columns` replaced by the columns of a table.

        Patterns pass over targets and what goes with them (mask, exposure), over what objectives keep out, and over the
        columns for id, group, time and split. Raises DataError for a name or pattern that meets no column.
        """
        data, problems = self.to_dict(), []
        for key, part in data["modalities"].items():
            if "columns" in part:
                where = self.source.value_place(("modalities", key, "columns"))
                try:
                    part["columns"] = expand_columns(part["columns"], names, self._reserved(), where)
                except PolymodalError as problem:
                    problems.append(problem)
        if problems:
            raise PolymodalError.joined(problems)
        return self.replaced(data)

    def build(self) -> Parts:
        """Fresh objects, not fitted to any data. Raises SpecError, with places, for what the parts refuse."""
        asked, make = self._document, Maker(self.source)
        modalities = {
            name: make.part(MODALITIES, part, ("modalities", name)) for name, part in asked.modalities.items()
        }
        tasks = {name: make.part(TASKS, part, ("tasks", name)) for name, part in asked.tasks.items()}
        objectives = {
            name: make.part(OBJECTIVES, part, ("objectives", name)) for name, part in asked.objectives.items()
        }
        fusion = make.part(FUSIONS, asked.model.fusion, ("model", "fusion"))
        sharing = make.part(SHARINGS, asked.model.sharing, ("model", "sharing"))
        balancer = make.part(BALANCERS, asked.train.balancer, ("train", "balancer"))
        settings = make.settings(asked.train)
        make.check_fusion(fusion, list(modalities), asked.model.width)
        make.check_objectives(objectives, modalities, tasks)
        make.check_tasks(tasks, list(modalities))
        if make.problems:
            raise PolymodalError.joined(make.problems)
        return Parts(modalities, tasks, fusion, balancer, settings, asked.model.width, objectives, sharing)

    def resolved(self, parts: Parts | None = None) -> "Spec":
        """The same spec with every default written out; `parts` may hold settings that were chosen since then."""
        parts = parts or self.build()
        data: dict[str, Any] = {
            "version": 1,
            "data": self.data.model_dump(mode="json", exclude_none=True),
            "modalities": {name: describe(part) for name, part in parts.modalities.items()},
            "tasks": {name: describe(part) | self._from(name) for name, part in parts.tasks.items()},
            "model": {"width": parts.width, "fusion": describe(parts.fusion), "sharing": describe(parts.sharing)},
            "train": asdict(parts.settings) | {"balancer": describe(parts.balancer)},
        }
        if parts.objectives:
            data["objectives"] = {name: describe(part) for name, part in parts.objectives.items()}
        if self._document.model.start_from is not None:
            data["model"]["start_from"] = self._document.model.start_from
        return Spec.from_dict(data, self.folder, self.source.name)

    @staticmethod
    def schema() -> dict[str, Any]:
        """The JSON Schema (draft 2020-12) of every spec that this installation can build."""
        schema = document_model().model_json_schema()
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}

    @property
    def asked_of(self) -> dict[str, str]:
        """The table that each column of answers is asked of, for tasks that say so."""
        found = [(part.get(key), part.get("from")) for part in self.tasks.values() for key in ANSWERS]
        return {column: table for column, table in found if column is not None and table is not None}

    def _from(self, task: str) -> dict[str, str]:
        table = self.tasks[task].get("from")
        return {} if table is None else {"from": table}

    def _reserved(self) -> Collection[str]:
        data = self.data
        splits = [data.split, *(each.split for each in data.tables.values() if each.split is not None)]
        special = {data.id, data.group, *(split.column for split in splits), *(split.time for split in splits)}
        answers = {part.get(key) for part in self.tasks.values() for key in (*ANSWERS, "mask", "exposure")}
        kept_out = {part.get("column") for part in self.objectives.values()}
        return {name for name in special | answers | kept_out if name}


def load(path: str | FilePath, overrides: Sequence[str] = ()) -> Spec:
    """Read a spec from a YAML or JSON file; `overrides` are assignments such as "train.lr=3e-4".

    Paths inside are relative to the folder of the file. Raises SpecError with every problem at once, each with its line
    and column.
    """
    path = FilePath(path)
    return Spec(override(read_file(path), overrides), path.parent)


def _changes(path: Path, now: Any, before: Any) -> list[str]:
    if now == before:
        return []
    sides = [side or {} for side in (now, before)]
    if all(isinstance(side, Mapping) for side in sides):
        keys = dict.fromkeys([*sides[0], *sides[1]])
        return [line for key in keys for line in _changes((*path, key), *(side.get(key) for side in sides))]
    shown, was = ("nothing" if value is None else shorten(json.dumps(value), 60) for value in (now, before))
    return [f"{dotted(path)}: {shown}, was {was}"]
