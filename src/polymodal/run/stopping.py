"""Signals that ask a run to stop, heard at the end of a step so that its state is whole when it is saved."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Stop", "listening"]


class Stop:
    """Whether somebody asked to stop; calling it says so."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __call__(self) -> bool:
        """Whether a signal was heard."""
        return self.signal is not None


@contextmanager
def listening() -> Iterator[Stop]:
    """Hear SIGINT and SIGTERM for the length of a block, then let them do what they did before.

    A second signal acts at once. A signal that was heard is sent on when the block ends, so that the caller's own
    handler decides how the process leaves. Outside the main thread nothing can be heard, and nothing is changed.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {int(number): signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    # A shell that starts a command in the background has it ignore SIGINT, and so it stays.
    before = {number: handler for number, handler in before.items() if handler != signal.SIG_IGN}

    def hear(number: int, _: object) -> None:
        stop.signal = number
        signal.signal(number, before[number])

    for number in before:
        signal.signal(number, hear)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if stop.signal is not None:
            signal.raise_signal(stop.signal)
