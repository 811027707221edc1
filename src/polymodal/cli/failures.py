"""How each kind of failure is told, and the exit code it leaves with."""

import errno
import sys
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import typer

if TYPE_CHECKING:
    from polymodal.core import PolymodalError

__all__ = ["Teller", "Terminated", "failure", "usage_failure"]

BUG, USAGE, DATA, RESOURCE, INTERRUPTED, TERMINATED = 1, 2, 4, 6, 130, 143
# What the machine cannot give, or does not let us have; any other error of a path is one of what was asked for.
SCARCE = frozenset(
    {
        errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM,
        errno.EIO, errno.EFBIG, errno.EAGAIN, errno.ETXTBSY, errno.EBUSY,
    }
)  # fmt: skip
# How torch says that memory is at an end: it has no type of its own for that on the CPU.
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "unable to allocate", "shared memory")
KILLED_WORKER = "is killed by signal"
AGAIN = "start it again; fit and pretrain go on where they were with --resume, transfer and recipe in the same --out"


class Terminated(BaseException):
    """The process was asked to end by SIGTERM."""


class Teller(Protocol):
    """Whoever knows how to tell an error to the caller."""

    verbose: int

    def error(self, document: Mapping[str, Any], text: str) -> None:
        """Tell it as a document or as text."""


def failure(teller: Teller, problem: BaseException) -> int:
    """Tell what happened and return the exit code. Only a bug of ours is 1."""
    if isinstance(problem, typer.Exit):
        return int(problem.exit_code)
    if teller.verbose > 1:
        traceback.print_exception(problem, file=sys.stderr)
    own = sys.modules.get("polymodal.core.errors")
    if own is not None and isinstance(problem, own.PolymodalError):
        return _own(teller, problem)
    if isinstance(problem, Terminated):
        return _tell(teller, TERMINATED, "terminated", "the process", "time to finish", "SIGTERM", AGAIN)
    if isinstance(problem, (KeyboardInterrupt, typer.Abort)):
        return _tell(teller, INTERRUPTED, "interrupted", "the process", "time to finish", "SIGINT", AGAIN)
    if isinstance(problem, SystemExit):
        return problem.code if isinstance(problem.code, int) else 0 if problem.code is None else USAGE
    return _foreign(teller, problem)


def usage_failure(teller: Teller, problem: Exception) -> int:
    """Tell what is wrong with the command line itself."""
    message = str(getattr(problem, "format_message", lambda: problem)())
    context = getattr(problem, "ctx", None)
    command = context.command_path if context is not None else "polymodal"
    if type(problem).__name__ == "NoArgsIsHelpError":
        print(message, file=sys.stderr)
        return USAGE
    usage = context.get_usage().removeprefix("Usage: ") if context is not None else "polymodal VERB"
    return _tell(teller, USAGE, "usage", command, " ".join(usage.split()), message, f"see {command} --help")


def _own(teller: Teller, problem: "PolymodalError") -> int:
    count = 1 + len(problem.also)
    text = f"{problem}\n{count} problems" if count > 1 else str(problem)
    teller.error(problem.as_dict(), text)
    return problem.exit_code


def _foreign(teller: Teller, problem: BaseException) -> int:
    message = str(problem).strip()
    if isinstance(problem, OSError) and problem.errno is not None and problem.errno not in SCARCE:
        where = str(problem.filename or "a file")
        remedy = "check the path and what it names"
        return _tell(teller, DATA, "file-problem", where, "a file that can be used", str(problem.strerror), remedy)
    lowered = message.lower()
    if isinstance(problem, MemoryError) or any(phrase in lowered for phrase in OUT_OF_MEMORY):
        remedy = "use fewer rows, a smaller batch_size or width, or a machine with more memory"
        return _tell(teller, RESOURCE, "out-of-memory", "this machine", "enough memory", _first_line(message), remedy)
    if isinstance(problem, OSError) and problem.errno is not None:
        where = str(problem.filename or "this machine")
        remedy = "free some space, or choose a place that can be written to"
        return _tell(teller, RESOURCE, "resource", where, "a disk that takes it", str(problem.strerror), remedy)
    if KILLED_WORKER in lowered:
        remedy = "set train.workers=0, or use a machine with more memory"
        return _tell(teller, RESOURCE, "worker-killed", "a loader process", "it to live", _first_line(message), remedy)
    found = f"{type(problem).__name__}: {_first_line(message)}"
    remedy = "please report it with the command and this message; -vv shows the traceback"
    return _tell(
        teller, BUG, "bug", _origin(problem), "that this never happens: it is a bug in polymodal", found, remedy
    )


def _tell(teller: Teller, exit_code: int, *told: str) -> int:
    """Tell in the one form that every error has: code, where, expected, found, do."""
    code, where, expected, found, remedy = told
    document = {"code": code, "where": where, "expected": expected, "found": found, "do": remedy}
    text = f"{where}: {code}\n  expected: {expected}\n  found:    {found}\n  do:       {remedy}"
    teller.error(document, text)
    return exit_code


def _first_line(message: str) -> str:
    return (message.splitlines() or ["nothing more"])[0][:300]


def _origin(problem: BaseException) -> str:
    """File and line of the innermost frame, without the folders of this machine."""
    frames = traceback.extract_tb(problem.__traceback__)
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "somewhere"
