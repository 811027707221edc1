"""All verbs in one application, and the door that the console script enters."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from polymodal import __version__
from polymodal.cli import data, inspection, recipes, results, retrieval, training, transfers
from polymodal.cli.failures import usage_failure
from polymodal.cli.session import Session

__all__ = ["app", "main"]

app = typer.Typer(
    name="polymodal",
    help="Learn from many modalities, any of which may be missing, for many tasks at once; tell the truth about it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: half the time, and easier on a screen reader
    context_settings={"help_option_names": ["-h", "--help"]},
)

# The parser that typer brings along has its own exceptions, reachable in every version through this public one.
BadCommandLine: type[Exception] = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")


@app.callback(invoke_without_command=True)
def door(version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False) -> None:
    """What stands before any verb."""
    if version:
        print(__version__)
        raise typer.Exit(0)


for group in (training, results, retrieval, transfers, data, recipes, inspection):
    group.add_to(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code. `arguments` are those of the process unless given."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A file name that is no valid text must not stop us from telling about it.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app(given, prog_name="polymodal", standalone_mode=False)
    except BadCommandLine as problem:
        return usage_failure(Session.guessed(given), problem)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    return code if isinstance(code, int) else 0
