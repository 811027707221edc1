"""A file is held by one at a time, says by whom, and is let go whatever happens; on Windows, too."""

import errno
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from polymodal.core import ResourceError
from polymodal.run import folder
from polymodal.run import locking as own


class Msvcrt(ModuleType):
    """Locks on bytes of a file in the way of Windows: they belong to the handle, and only the handle can undo them."""

    LK_UNLCK, LK_NBLCK = 0, 2

    def __init__(self) -> None:
        super().__init__("msvcrt")
        self.held: dict[tuple[int, int], int] = {}

    def locking(self, handle: int, mode: int, count: int) -> None:
        assert count == 1
        place = (os.fstat(handle).st_ino, os.lseek(handle, 0, os.SEEK_CUR))
        assert place[1] > 1000, "what others read must not be locked"
        if mode == self.LK_NBLCK and place not in self.held:
            self.held[place] = handle
        elif mode == self.LK_UNLCK and self.held.get(place) == handle:
            del self.held[place]
        else:
            raise PermissionError(errno.EACCES, "Permission denied")


def windows(patch: pytest.MonkeyPatch, msvcrt: Msvcrt) -> ModuleType:
    """The module as Windows would load it: without fcntl, and without forks."""
    found = importlib.util.spec_from_file_location("locking_on_windows", own.__file__)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    with patch.context() as there:
        there.setattr(sys, "platform", "win32")
        there.setitem(sys.modules, "msvcrt", msvcrt)
        there.setitem(sys.modules, "fcntl", None)
        there.delattr(os, "register_at_fork", raising=False)
        found.loader.exec_module(module)
    return module


@pytest.fixture(params=["as it is here", "as on Windows"])
def locking(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module with the locks of this system, and with those of Windows."""
    return own if request.param == "as it is here" else windows(monkeypatch, Msvcrt())


def test_a_held_file_is_not_had_twice_and_says_who_has_it(locking: ModuleType, tmp_path: Path):
    with locking.locked(tmp_path / "lock", "the first"):
        for _ in range(2):
            with pytest.raises(locking.Taken, match=r"^the first$"):
                locking.locked(tmp_path / "lock", "the second").__enter__()
        with locking.locked(tmp_path / "another", "the second"):
            assert (tmp_path / "another").read_text() == "the second\n"
        assert (tmp_path / "lock").read_text() == "the first\n"
    with locking.locked(tmp_path / "lock", "me"), pytest.raises(locking.Taken, match=r"^me$"):
        locking.locked(tmp_path / "lock", "the second").__enter__()


def test_a_block_that_fails_lets_go(locking: ModuleType, tmp_path: Path):
    with pytest.raises(PermissionError, match="of its own"), locking.locked(tmp_path / "lock", "the first"):
        raise PermissionError("of its own")
    with locking.locked(tmp_path / "lock", "the second"):
        assert (tmp_path / "lock").read_text() == "the second\n"


def test_a_file_that_names_nobody_is_held_by_somebody(locking: ModuleType, tmp_path: Path):
    with locking.locked(tmp_path / "lock", ""), pytest.raises(locking.Taken, match="an unknown process"):
        locking.locked(tmp_path / "lock", "the second").__enter__()


def test_what_cannot_be_locked_is_not_said_to_be_taken(locking: ModuleType, tmp_path: Path, monkeypatch):
    def broken(handle: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locking, "_lock", broken)
    with pytest.raises(OSError, match="No locks available"):
        locking.locked(tmp_path / "lock", "the first").__enter__()
    monkeypatch.setattr(folder, "locked", locking.locked)
    with pytest.raises(ResourceError, match="No locks available"):
        folder.Folder(tmp_path / "run").hold(resume=False).__enter__()


def test_no_handle_is_left_open(locking: ModuleType, tmp_path: Path):
    def spare() -> int:
        handle = os.open(tmp_path, os.O_RDONLY)
        os.close(handle)
        return handle

    before = spare()
    with locking.locked(tmp_path / "lock", "the first"), pytest.raises(locking.Taken):
        locking.locked(tmp_path / "lock", "the second").__enter__()
    assert spare() == before


def test_a_run_folder_can_be_held_on_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    msvcrt = Msvcrt()
    there = windows(monkeypatch, msvcrt)
    monkeypatch.setattr(folder, "locked", there.locked)
    monkeypatch.setattr(folder, "Taken", there.Taken)
    with folder.Folder(tmp_path / "run").hold(resume=False):
        assert len(msvcrt.held) == 1
        with pytest.raises(ResourceError, match=f"held by process {os.getpid()}"):
            folder.Folder(tmp_path / "run").hold(resume=True).__enter__()
    assert not msvcrt.held


CHILD = """
import os, runpy, sys
from pathlib import Path
locking = runpy.run_path(sys.argv[1])
with locking["locked"](Path(sys.argv[2]), "the parent"):
    if os.fork() == 0:
        print("ready", flush=True)  # by the child: only then has it begun
        sys.stdin.read()
    os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no process inherits a file here")
def test_a_child_does_not_keep_what_a_dead_process_held(tmp_path: Path):
    call = [sys.executable, "-c", CHILD, str(own.__file__), str(tmp_path / "lock")]
    with subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        parent.wait(timeout=60)
        assert (tmp_path / "lock").read_text() == "the parent\n"
        with own.locked(tmp_path / "lock", "the next"):  # the child is still there, waiting for its input to end
            assert (tmp_path / "lock").read_text() == "the next\n"
        parent.communicate(timeout=60)
