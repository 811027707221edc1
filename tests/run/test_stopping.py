"""A signal is heard at the end of a step; the command leaves with its code, and the run can go on."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from polymodal import run
from polymodal.run.stopping import listening
from tests.run.small import events, spec, write

MANY = ("train.epochs=12", "train.patience=12")


def test_a_signal_is_kept_until_the_block_ends():
    before, heard = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with listening() as stop:
            heard.append(stop())
            signal.raise_signal(signal.SIGINT)
            heard.append(stop())

    with pytest.raises(KeyboardInterrupt):
        work()
    assert heard == [False, True]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_signal_acts_at_once():
    def work() -> None:
        with listening():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            raise AssertionError("the second signal was kept back")

    with pytest.raises(KeyboardInterrupt):
        work()


def test_outside_the_main_thread_nothing_is_changed():
    heard = []

    def work() -> None:
        with listening() as stop:
            heard.append((stop(), signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=work)
    before = signal.getsignal(signal.SIGTERM)
    thread.start()
    thread.join()
    assert heard == [(False, before)]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_command_leaves_with_its_code_and_goes_on(tmp_path: Path, number: signal.Signals, code: int):
    folder = write(tmp_path)
    words = ["fit", "spec.yaml", "--out", "run", "--json", *(word for key in MANY for word in ("--set", key))]
    started = subprocess.Popen(
        [sys.executable, "-c", "import sys; from polymodal.cli import main; sys.exit(main(sys.argv[1:]))", *words],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while started.poll() is None and not any((folder / "run").glob("checkpoints/member-0/step-*")):
        time.sleep(0.01)
    started.send_signal(number)
    out, err = started.communicate(timeout=120)
    assert started.returncode == code, err
    assert "--resume" in out
    assert not (folder / "run" / "model").exists()
    run.fit(spec(folder, *MANY), folder / "run", resume=True)
    assert events(folder / "run", "resumed")[0]["step"] > 0
    assert (folder / "run" / "model" / "MANIFEST.json").is_file()


def test_a_signal_that_was_ignored_stays_so():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with listening() as stop:
            signal.raise_signal(signal.SIGINT)
            assert not stop()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
