"""Whatever happens inside a verb has one form and the exit code that the design gives it."""

import errno
import signal
import warnings

import pytest
import torch

from polymodal.core import (
    DamagedError,
    DataError,
    DivergedError,
    GateError,
    PolymodalError,
    ResourceError,
    SpecError,
    UsageProblem,
)

TOLD = {"where": "spec.yaml:1:1", "expected": "this", "found": "that", "remedy": "mend it"}
OWN = [
    (UsageProblem, 2),
    (SpecError, 3),
    (DataError, 4),
    (DivergedError, 5),
    (ResourceError, 6),
    (DamagedError, 7),
    (GateError, 8),
]
FOREIGN = [
    (MemoryError(), 6),
    (torch.OutOfMemoryError("CUDA out of memory"), 6),
    (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), 6),
    (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."), 6),
    (OSError(errno.ENOSPC, "No space left on device", "/x"), 6),
    (PermissionError(errno.EACCES, "Permission denied", "/x"), 6),
    (OSError(errno.EROFS, "Read-only file system", "/x"), 6),
    (OSError(errno.EMFILE, "Too many open files"), 6),
    (FileNotFoundError(errno.ENOENT, "No such file or directory", "/x"), 4),
    (IsADirectoryError(errno.EISDIR, "Is a directory", "/x"), 4),
    (OSError(errno.ENAMETOOLONG, "File name too long", "x" * 300), 4),
    (KeyboardInterrupt(), 130),
    (SystemExit(143), 143),
    (SystemExit(None), 0),
    (RuntimeError("surprise"), 1),
    (RecursionError("too deep"), 1),
    (ValueError(), 1),
]


@pytest.fixture
def failing(monkeypatch):
    """Let `schema` fail with a given problem."""

    def fail(problem):
        def broken():
            raise problem

        monkeypatch.setattr("polymodal.spec.Spec.schema", staticmethod(broken))

    return fail


@pytest.mark.parametrize(("kind", "code"), OWN)
def test_our_own_errors(kind, code, failing, call):
    failing(kind("some-code", **TOLD, also=[SpecError("another", **TOLD)]))
    answer = call("schema")
    assert (answer.code, answer.out) == (code, "")
    assert answer.err.count("do:       mend it") == 2
    assert "Traceback" not in answer.err
    document = call("schema", "--json").document["error"]
    assert (document["code"], document["do"], document["also"][0]["code"]) == ("some-code", "mend it", "another")


@pytest.mark.parametrize(
    ("problem", "code"), FOREIGN, ids=[f"{type(problem).__name__}-{code}" for problem, code in FOREIGN]
)
def test_what_others_raise(problem, code, failing, call):
    failing(problem)
    answer = call("schema", "--json")
    assert answer.code == code
    if code in (1, 4, 6, 130):
        assert set(answer.document["error"]) == {"code", "where", "expected", "found", "do"}
    assert "Traceback" not in answer.err
    assert ("-vv" in answer.err) == (code == 1)


def test_a_traceback_is_shown_only_when_asked_for(failing, call):
    failing(RuntimeError("surprise"))
    assert "Traceback" in call("schema", "-vv").err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals(number, code, monkeypatch, call):
    monkeypatch.setattr("polymodal.spec.Spec.schema", staticmethod(lambda: signal.raise_signal(number)))
    before = signal.getsignal(number)
    assert call("schema").code == code
    assert signal.getsignal(number) is before


def test_what_a_library_prints_does_not_mix_with_the_result(monkeypatch, call):
    def chatty():
        print("loading")
        warnings.warn("beware", stacklevel=1)
        return {"a": "\udc80"}

    monkeypatch.setattr("polymodal.spec.Spec.schema", staticmethod(chatty))
    answer = call("schema", "--json")
    assert answer.document == {"a": "\udc80"}
    assert "loading" in answer.err
    assert "beware" not in answer.err
    assert "beware" in call("schema", "--json", "-v").err


def test_every_error_class_has_a_code_of_its_own():
    assert len({kind.exit_code for kind in PolymodalError.__subclasses__()}) == len(PolymodalError.__subclasses__())
    assert 1 not in {kind.exit_code for kind in PolymodalError.__subclasses__()}
