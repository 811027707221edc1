"""Every data set by name. Each module of this folder that defines SET is one."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from polymodal.core import UsageProblem, did_you_mean
from polymodal.data.sets.base import DataSet

__all__ = ["find", "get", "list", "named"]

MACHINERY = frozenset(
    {"base", "catalogue", "drawn_questions", "drawn_scenes", "origins", "places", "road_pictures", "road_scenes"}
)


def list() -> Sequence[Mapping[str, object]]:  # noqa: A001, read as sets.list()
    """One entry for each data set: name, title, licence, origin, rows, and whether it is there.

    "there" tells that the folder exists; what it holds is checked when it is used.
    """
    return [
        {
            "name": name,
            "title": known.title,
            "licence": known.licence,
            "origin": known.origin,
            "rows": known.rows,
            "there": known.is_there(),
        }
        for name, known in _all().items()
    ]


def named(name: str) -> DataSet:
    """The data set of this name. Raises UsageProblem, with the nearest name, where there is none."""
    known = _all()
    if name not in known:
        raise UsageProblem(
            "unknown-data-set",
            where="data set",
            expected="the name of a data set",
            found=name,
            remedy=did_you_mean(name, known),
        )
    return known[name]


def find(name: str) -> Path:
    """The folder of a data set's originals, checked. Raises DataError where the set is not there."""
    return named(name).find()


def get(name: str) -> Path:
    """The folder of a data set's originals, fetched from their origin where they are not there yet."""
    return named(name).get()


def _all() -> Mapping[str, DataSet]:
    package = __name__.rpartition(".")[0]
    folder = str(Path(__file__).parent)
    names = sorted(module.name for module in iter_modules([folder]) if module.name not in MACHINERY)
    return {name: import_module(f"{package}.{name}").SET for name in names}
