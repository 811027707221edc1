"""What every verb shares: where results go, how much is said, and how a failure becomes an exit code."""

import functools
import inspect
import json
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field
from typing import Annotated, Any, TextIO

import typer

from polymodal.cli.failures import Terminated, failure

__all__ = ["AsJson", "Quiet", "Seed", "Session", "SetKeys", "Verbose", "verb"]

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.")]
Verbose = Annotated[
    int,
    typer.Option(
        "--verbose", "-v", count=True, show_default=False, metavar="", help="Say more; twice: tracebacks, too."
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, metavar="N", help="The seed of all that is drawn.")]
SetKeys = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set a key of the spec, such as train.lr=3e-4.")
]

SHARED: Mapping[str, tuple[Any, Any]] = {
    "as_json": (AsJson, False),
    "quiet": (Quiet, False),
    "verbose": (Verbose, 0),
    "seed": (Seed, None),
}
LEVELS = (logging.ERROR, logging.INFO, logging.DEBUG)


@dataclass
class Session:
    """One call of one verb. `out` and `err` are the streams of the process; a verb's own prints go to `err`."""

    as_json: bool = False
    quiet: bool = False
    verbose: int = 0
    seed: int | None = None
    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)

    @classmethod
    def guessed(cls, arguments: Sequence[str]) -> "Session":
        """The session that a command line asked for that could not be understood."""
        return cls(as_json="--json" in arguments, quiet="-q" in arguments or "--quiet" in arguments)

    def result(self, document: Mapping[str, Any], text: str) -> None:
        """Print the result: the document with `--json`, else the text."""
        # Half a character, as in a file name that is no text, has an escape in ASCII and none in UTF-8.
        self._print(json.dumps(document, indent=2, default=str) if self.as_json else text, self.out)

    def note(self, text: str) -> None:
        """Say something by the way, on stderr, unless asked to be quiet."""
        if not self.quiet:
            self._print(text, self.err)

    def error(self, document: Mapping[str, Any], text: str) -> None:
        """Tell a failure: as text on stderr, and with `--json` as a document on stdout, too."""
        self._print(text, self.err)
        if self.as_json:
            self._print(json.dumps({"error": document}, indent=2, default=str), self.out)

    def overrides(self, assignments: Sequence[str] | None, key: str = "train.seed") -> tuple[str, ...]:
        """What `--set` gave, and after it what `--seed` means in a spec."""
        return (*(assignments or ()), *(() if self.seed is None else (f"{key}={self.seed}",)))

    def _print(self, text: str, stream: TextIO) -> None:
        try:
            print(text, file=stream, flush=True)
        except BrokenPipeError:
            _silence(stream)  # whoever was reading has read enough
        except OSError:
            _silence(stream)
            raise


def verb(app: typer.Typer, name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add a function, whose first argument is the session, to an application, with the options that all verbs share."""

    def add(function: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(function).parameters.values())[1:]

        @functools.wraps(function)
        def command(**options: Any) -> None:
            shared = {option: options.pop(option) for option in SHARED}
            raise typer.Exit(_run(Session(**shared), functools.partial(function, **options)))

        added = [
            inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for option, (annotation, default) in SHARED.items()
        ]
        parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own] + added
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        app.command(name)(command)
        return function

    return add


def _run(session: Session, action: Callable[[Session], None]) -> int:
    """Run a verb; what goes wrong is told, and becomes an exit code."""
    try:
        with redirect_stdout(session.err), _spoken(session), _terminable():
            action(session)
    except BaseException as problem:  # noqa: BLE001 - whatever happens has a form and an exit code
        return failure(session, problem)
    return 0


@contextmanager
def _spoken(session: Session) -> Iterator[None]:
    """Warnings and log lines of libraries are heard from `-v` on; what polymodal warns of is always said, once."""
    level = LEVELS[min(session.verbose, len(LEVELS) - 1)]
    handler = logging.StreamHandler(session.err)
    handler.setLevel(level)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(level)
    logging.disable(level - 1)  # some libraries bring handlers of their own
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            logging.captureWarnings(True)
            warnings.showwarning = _teller(session)
            yield
    finally:
        logging.captureWarnings(False)
        logging.disable(logging.NOTSET)
        root.removeHandler(handler)
        root.setLevel(before)


def _teller(session: Session) -> Callable[..., None]:
    """What to do with a warning: say it, pass it on to the log, or keep silent."""
    log, told = warnings.showwarning, set[str]()

    def tell(message: Warning | str, category: type[Warning], *place: Any) -> None:
        if category.__name__ == "PolymodalWarning":  # by name: its module is not worth waiting for
            if str(message) not in told:
                session.note(str(message))
            told.add(str(message))
        elif session.verbose:
            log(message, category, *place)

    return tell


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends a verb as tidily as SIGINT does. Only the main thread of a process can be told."""

    def stop(*_: object) -> None:
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _silence(stream: TextIO) -> None:
    """Point a stream that cannot be written to at nothing, so that closing it at exit fails no more."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
