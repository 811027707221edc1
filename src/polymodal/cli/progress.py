"""Shows how far training is: a bar on a terminal; elsewhere a line now and then, or for each epoch with `-v`."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from polymodal.cli.session import Session

__all__ = ["progress"]

PAUSE = 30.0
"""Seconds between two lines."""

Listener = Callable[[Mapping[str, Any]], None]


@contextmanager
def progress(session: Session) -> Iterator[Listener | None]:
    """A listener for the events of training; None where nobody would see what it shows."""
    if session.quiet:
        yield None
    elif session.err.isatty():
        with _bar() as listener:
            yield listener
    elif session.verbose:
        yield lambda event: session.note(_line(event)) if event.get("event") == "epoch" else None
    else:
        yield _seldom(session)


def _seldom(session: Session) -> Listener:
    """A note of the epoch where the last one is half a minute old: whoever waits can see that it goes on."""
    last = time.monotonic()

    def listen(event: Mapping[str, Any]) -> None:
        nonlocal last
        if event.get("event") == "epoch" and time.monotonic() - last >= PAUSE:
            last = time.monotonic()
            session.note(_line(event))

    return listen


@contextmanager
def _bar() -> Iterator[Listener]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TextColumn("left"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as shown:
        bar = shown.add_task("training", total=None)

        def listen(event: Mapping[str, Any]) -> None:
            if "step" in event and "steps" in event:
                # Models of an ensemble are trained one after another; one that stops early makes the bar jump.
                before = event.get("member", 0) * event["steps"]
                total = (event.get("members") or 1) * event["steps"]
                shown.update(bar, completed=before + event["step"], total=total)
            if event.get("event") == "epoch":
                shown.update(bar, description=_line(event))

        yield listen


def _line(event: Mapping[str, Any]) -> str:
    """An epoch in one line: its number and the losses on the rows that choose when to stop."""
    losses = event.get("validation") or event.get("train") or {}
    told = "  ".join(f"{name} {loss:.3f}" for name, loss in losses.items() if loss is not None)
    members = event.get("members") or 1
    model = f"model {event.get('member', 0) + 1}/{members}  " if members > 1 else ""
    return f"{model}epoch {event.get('epoch', '?')}/{event.get('epochs', '?')}  {told}".rstrip()
