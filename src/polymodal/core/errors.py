"""Errors that a user can act on: a code, where, what was expected, what was found, one thing to do."""

import difflib
from collections.abc import Iterable, Sequence
from typing import ClassVar

__all__ = [
    "DamagedError",
    "DataError",
    "DivergedError",
    "GateError",
    "PolymodalError",
    "PolymodalWarning",
    "ResourceError",
    "SpecError",
    "UsageProblem",
    "did_you_mean",
    "missing_extra",
]

LISTED = 40
"""Options that a message lists at most."""


class PolymodalWarning(RuntimeWarning):
    """Something that whoever asked should hear of, though the work goes on; the command line says it once."""


class PolymodalError(Exception):
    """A problem stated so that its reader can mend it.

    `code` is a stable kebab-case name, `where` a place (file:line, row and column, or path). Several problems found in
    one pass travel together in `also`. `exit_code` is what the command line leaves with.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        code: str,
        *,
        where: str,
        expected: str,
        found: str,
        remedy: str,
        also: Sequence["PolymodalError"] = (),
    ) -> None:
        self.code, self.where, self.expected, self.found, self.remedy = code, where, expected, found, remedy
        self.also = tuple(also)
        super().__init__(str(self))

    def __str__(self) -> str:
        told = {"expected:": self.expected, "found:   ": self.found, "do:      ": self.remedy}
        own = [f"{self.where}: {self.code}", *(f"  {what} {said}" for what, said in told.items())]
        return "\n".join([*own, *(str(problem) for problem in self.also)])

    def __reduce__(self) -> tuple[object, ...]:
        """Rebuild the error in another process (loader workers hand errors over by copy)."""
        return _rebuild, (type(self), self.code, self.where, self.expected, self.found, self.remedy, self.also)

    def as_dict(self) -> dict[str, object]:
        """The same facts as plain data, for `--json`."""
        own: dict[str, object] = {
            "code": self.code,
            "where": self.where,
            "expected": self.expected,
            "found": self.found,
            "do": self.remedy,
        }
        return own | ({"also": [problem.as_dict() for problem in self.also]} if self.also else {})

    @classmethod
    def joined(cls, problems: Sequence["PolymodalError"]) -> "PolymodalError":
        """One error that carries them all; the first one gives the type and exit code."""
        first = problems[0]
        return type(first)(
            first.code,
            where=first.where,
            expected=first.expected,
            found=first.found,
            remedy=first.remedy,
            also=[*first.also, *problems[1:]],
        )


class UsageProblem(PolymodalError):
    """The call itself is off: an argument, or a missing optional package."""

    exit_code = 2


class SpecError(PolymodalError):
    """The spec does not say something that can be built."""

    exit_code = 3


class DataError(PolymodalError):
    """The data do not fit the spec, or are not there."""

    exit_code = 4


class DivergedError(PolymodalError):
    """Training met a number that is not finite."""

    exit_code = 5


class ResourceError(PolymodalError):
    """Memory, disk or a lock is not to be had."""

    exit_code = 6


class DamagedError(PolymodalError):
    """A saved model or checkpoint is not what was written."""

    exit_code = 7


class GateError(PolymodalError):
    """A gate that protects the result has closed: a leak, a bias, a metric under its limit."""

    exit_code = 8


def missing_extra(where: str, package: str, extra: str) -> UsageProblem:
    """The error for a machine without a package that one of our extras brings."""
    return UsageProblem(
        "missing-extra",
        where=where,
        expected=f"the package {package}",
        found="it is not installed, or cannot be loaded",
        remedy=f'pip install "polymodal[{extra}]"',
    )


def did_you_mean(name: str, options: Iterable[str]) -> str:
    """The nearest option as a question, or a list of options when none is near."""
    known = sorted(set(options))
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.65)
    if near:
        return f'did you mean "{near[0]}"?'
    more = f" and {len(known) - LISTED} more" if len(known) > LISTED else ""
    return f"choose one of: {', '.join(known[:LISTED]) or '(none)'}{more}"


def _rebuild(
    kind: type[PolymodalError],
    code: str,
    where: str,
    expected: str,
    found: str,
    remedy: str,
    also: Sequence[PolymodalError],
) -> PolymodalError:
    return kind(code, where=where, expected=expected, found=found, remedy=remedy, also=also)
