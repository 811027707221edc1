"""Build any part without knowing it: options have defaults, and columns have stand-in names."""

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from polymodal.testing.verdict import require

__all__ = ["STAND_INS", "check_options", "make_part"]

PartT = TypeVar("PartT")

STAND_INS: dict[str, Any] = {
    "columns": ["first", "second"],
    "column": "first",
    "target": "target",
    "time": "time",
    "event": "event",
    "between": ["first", "second"],
    "of": "first",
    "member": "member",
    "described": ["seen"],
}
"""What a constructor is given for the options that cannot have a default: names of columns, and of modalities."""


def make_part(kind: type[PartT], given: Mapping[str, Any] = MappingProxyType({})) -> PartT:
    """An instance with stand-in names for its columns, the options in `given`, and every other at its default.

    Raises TypeError where another option has no default: give it one, or build the part and call the check yourself.

    >>> from polymodal.tasks import Regression
    >>> make_part(Regression).target
    'target'
    """
    needed = [name for name, option in _options(kind).items() if option.default is option.empty]
    known = STAND_INS | dict(given)
    unknown = [name for name in needed if name not in known]
    if unknown:
        raise TypeError(f"{kind.__name__} needs {', '.join(unknown)}; only {', '.join(STAND_INS)} can be stood in for")
    return kind(**{name: known[name] for name in {*needed, *given}})


def check_options(part: object) -> None:
    """Every constructor option is annotated, kept under its own name, and enough to build the part again."""
    kind = type(part)
    for name, option in _options(kind).items():
        require(option.annotation is not option.empty, f"{kind.__name__}: the option {name} is annotated")
        require(hasattr(part, name), f"{kind.__name__}: the option {name} is kept under its own name")
    again = kind(**{name: getattr(part, name) for name in _options(kind)})
    for name in _options(kind):
        kept, built = getattr(part, name), getattr(again, name)
        require(bool(kept == built), f"{kind.__name__}: built again, {name} stays {kept!r}; it became {built!r}")


def _options(kind: type[object]) -> dict[str, inspect.Parameter]:
    options = dict(inspect.signature(kind).parameters)
    spread = [name for name, option in options.items() if option.kind in (option.VAR_KEYWORD, option.VAR_POSITIONAL)]
    require(not spread, f"{kind.__name__}: every option has a name of its own; found {', '.join(spread)}")
    return options
