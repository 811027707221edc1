"""Parts by name: what a folder offers, which options each part takes, and a part written down as plain data."""

import inspect
import re
import types
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo

import polymodal.balancing
import polymodal.fusion
import polymodal.modalities
import polymodal.objectives
import polymodal.sharing
import polymodal.tasks
from polymodal.balancing.base import Balancer
from polymodal.core import UsageProblem
from polymodal.fusion.base import Fusion
from polymodal.modalities.base import Modality
from polymodal.objectives.base import Objective
from polymodal.sharing.base import Sharing
from polymodal.tasks.base import Task

__all__ = [
    "BALANCERS",
    "FUSIONS",
    "MODALITIES",
    "OBJECTIVES",
    "SHARINGS",
    "STRICT",
    "TASKS",
    "Folder",
    "describe",
    "options_of",
    "snake_case",
]

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True, arbitrary_types_allowed=True)
"""How every level of a spec is checked: no unknown key, no value of another type, no infinity."""

PLAIN = (bool, int, float, str, Path, type(None))
CONTAINERS = (list, tuple, Sequence, dict, Mapping)


class Folder:
    """One folder of parts, such as `polymodal.tasks`: each concrete class of its `__all__`, by its name in a spec."""

    def __init__(self, module: ModuleType, base: type) -> None:
        self.module, self.base = module, base

    def parts(self) -> dict[str, type]:
        """The parts by name; abstract bases and what is no part are left out."""
        members = [getattr(self.module, name) for name in self.module.__all__]
        return {snake_case(part.__name__): part for part in members if _is_part(part, self.base)}

    def options(self) -> dict[str, type[BaseModel]]:
        """A model of the options of each part, by the part's name; "type" is one of them."""
        return {name: options_of(part) for name, part in self.parts().items()}


MODALITIES = Folder(polymodal.modalities, Modality)
TASKS = Folder(polymodal.tasks, Task)
FUSIONS = Folder(polymodal.fusion, Fusion)
SHARINGS = Folder(polymodal.sharing, Sharing)
BALANCERS = Folder(polymodal.balancing, Balancer)
OBJECTIVES = Folder(polymodal.objectives, Objective)


def snake_case(name: str) -> str:
    """A class name as a spec writes it: `PatchTransformer` → `patch_transformer`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def describe(part: object) -> dict[str, Any]:
    """A part as plain data: its type and every option, from the attributes that bear the options' names.

    Raises UsageProblem where an option holds an object, such as a network of your own, that no spec can write down.
    """
    name = snake_case(type(part).__name__)
    return {"type": name} | {
        option: _plain(getattr(part, option), f"{name}.{option}") for option in _options(type(part))
    }


@cache
def options_of(part: type, *, typed: bool = True) -> type[BaseModel]:
    """A strict model of the options of a class, read from its constructor and documented by its docstring.

    An option that only takes objects (a network, a function) cannot be written in a spec and is left out. `typed` adds
    the key "type", which names the part.
    """
    made: dict[str, Any] = {}
    if typed:
        made["type"] = (Literal[snake_case(part.__name__)], ...)
    for name, (annotation, default) in _options(part).items():
        made[name] = (annotation, Field(default, description=_description(part, name, annotation)))
    return create_model(part.__name__, __config__=STRICT, __doc__=_first_sentence(part), **made)


def _is_part(part: object, base: type) -> bool:
    return isinstance(part, type) and issubclass(part, base) and part is not base and not inspect.isabstract(part)


def _options(part: type) -> dict[str, tuple[Any, Any]]:
    """Name → (annotation reduced to plain data, default or `...`) of each option that a spec can give."""
    hints = get_type_hints(part if is_dataclass(part) else part.__init__, include_extras=True)  # type: ignore[misc]
    made = {}
    for name, parameter in inspect.signature(part).parameters.items():
        plain = _plain_type(hints.get(name, Any))
        if plain is not None and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            made[name] = (plain, ... if parameter.default is parameter.empty else parameter.default)
    return made


def _plain_type(annotation: Any) -> Any:
    """The part of an annotation that YAML can write; None where nothing is left."""
    if annotation in PLAIN or annotation is None or get_origin(annotation) is Literal:
        return annotation if annotation is not None else type(None)
    if get_origin(annotation) is Annotated:
        inner, *extras = get_args(annotation)
        plain = _plain_type(inner)
        return None if plain is None else Annotated[plain, *extras]
    if get_origin(annotation) in (Union, types.UnionType):
        members = [plain for member in get_args(annotation) if (plain := _plain_type(member)) is not None]
        return Union[tuple(members)] if members and members != [type(None)] else None  # noqa: UP007
    if get_origin(annotation) in CONTAINERS:
        inner_types = [member for member in get_args(annotation) if member is not Ellipsis]
        return annotation if all(_plain_type(member) is not None for member in inner_types) else None
    return None


def _plain(value: Any, place: str) -> Any:
    """A value as YAML and JSON know it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item, place) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, place) for item in value]
    if isinstance(value, Path):
        return value.as_posix()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise UsageProblem(
        "option-not-plain",
        where=place,
        expected="a number, a text, or a list of them",
        found=f"an object of type {type(value).__name__}",
        remedy="keep the model in Python, or name a part that the spec knows",
    )


def _description(part: type, option: str, annotation: Any) -> str | None:
    """What is said of an option: in its annotation, or in the sentences of the docstring that name it first."""
    for extra in get_args(annotation)[1:] if get_origin(annotation) is Annotated else ():
        if isinstance(extra, FieldInfo) and extra.description:
            return extra.description
    text = " ".join(f"{part.__doc__ or ''} {part.__init__.__doc__ or ''}".split())  # type: ignore[misc]
    sentences = re.split(r"(?<=[.:])\s+(?=[A-Z`])", text)
    named = [sentence for sentence in sentences if re.search(rf"`{option}(=[^`]*)?`", sentence)]
    return named[0] if named else None


def _first_sentence(part: type) -> str:
    first = " ".join((part.__doc__ or "").split("\n\n")[0].split())
    return f"{first} Experimental." if getattr(part, "experimental", False) else first
