"""Nothing outside the data folder is opened, nothing waits for ever, and each refusal says why in its own words."""

import os
import resource
import socket
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymodal.core import DataError
from polymodal.data.files import Folder, Limits, content_hashes, content_of, none_usable, resolve


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A data folder with one of everything, and a secret beside it."""
    root = tmp_path / "data"
    (root / "sub").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(b"secret")
    (tmp_path / "data-beside").mkdir()
    (tmp_path / "data-beside" / "x.png").write_bytes(b"secret")
    (root / "good.png").write_bytes(b"good")
    (root / "sub" / "naïve name.png").write_bytes(b"good")
    (root / "empty.png").write_bytes(b"")
    (root / "large.png").write_bytes(b"x" * 2000)
    (root / "folder.png").mkdir()
    os.mkfifo(root / "fifo.png")
    (root / "inner.png").symlink_to("sub/naïve name.png")
    (root / "outer.png").symlink_to("../secret.png")
    (root / "absolute.png").symlink_to(tmp_path / "secret.png")
    (root / "prefix.png").symlink_to("../data-beside/x.png")
    (root / "way").symlink_to(tmp_path)
    (root / "chain.png").symlink_to("outer.png")
    (root / "loop.png").symlink_to("loop.png")
    (root / "dangling.png").symlink_to("nothing.png")
    (root / "null.png").symlink_to("/dev/null")
    return root


REFUSED = {
    "../secret.png": "file-path-climbs",
    "sub/../../secret.png": "file-path-climbs",
    "sub/../good.png": "file-path-climbs",
    "..\\secret.png": "file-path-climbs",
    "..": "file-path-climbs",
    "/etc/passwd": "file-path-absolute",
    "\\\\server\\share\\x.png": "file-path-absolute",
    "C:\\x.png": "file-path-absolute",
    "c:x.png": "file-path-absolute",
    "https://example.org/x.png": "file-is-url",
    "FTP://example.org/x.png": "file-is-url",
    "file:///etc/passwd": "file-is-url",
    "data:image/png;base64,AAAA": "file-is-url",
    "good.png\0.txt": "file-name-nul",
    "": "file-name-empty",
    "  ": "file-name-empty",
    "outer.png": "file-link-leaves",
    "absolute.png": "file-link-leaves",
    "prefix.png": "file-link-leaves",
    "chain.png": "file-link-leaves",
    "null.png": "file-link-leaves",
    "way/secret.png": "file-link-leaves",
    "folder.png": "file-is-folder",
    ".": "file-is-folder",
    "fifo.png": "file-is-special",
    "socket.png": "file-is-special",
    "missing.png": "file-missing",
    "good.png/below.png": "file-missing",
    "dangling.png": "file-missing",
    "x" * 5000: "file-unreadable",
    "\udcff.png": "file-missing",
    "loop.png": "file-unreadable",
}


@pytest.mark.parametrize("name", REFUSED, ids=lambda name: ascii(name[:40]))
def test_refused_by_name(tree: Path, name: str) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(tree)  # a socket's path may not be long
        listener.bind("socket.png")
        os.chdir(here)
        started = time.monotonic()
        with pytest.raises(DataError) as caught:
            Folder(tree).read(name, Limits())
        assert caught.value.code == REFUSED[name]
        assert str(tree) not in str(caught.value), "a message that travels names no folder of this machine"
        assert time.monotonic() - started < 5
        with pytest.raises(DataError):
            resolve(tree, name)


def test_each_reason_is_its_own(tree: Path) -> None:
    reasons: dict[str, set[str]] = {}
    for name, code in REFUSED.items():
        if name != "socket.png":
            with pytest.raises(DataError) as caught:
                resolve(tree, name)
            reasons.setdefault(caught.value.found, set()).add(code)
    assert all(len(codes) == 1 for codes in reasons.values())


@pytest.mark.parametrize("name", ["good.png", "sub/naïve name.png", "inner.png", "./good.png", "sub//naïve name.png"])
def test_what_lies_under_the_folder_is_read(tree: Path, name: str) -> None:
    assert Folder(tree).read(name, Limits()) == b"good"
    assert resolve(tree, name).is_relative_to(tree)


def test_the_folder_itself_may_be_a_link(tree: Path) -> None:
    link = tree.parent / "link"
    link.symlink_to(tree)
    assert Folder(link).read("good.png", Limits()) == b"good"


@pytest.mark.parametrize(("name", "code"), [("empty.png", "file-empty"), ("large.png", "file-too-large")])
def test_size_is_checked(tree: Path, name: str, code: str) -> None:
    with pytest.raises(DataError) as caught:
        Folder(tree).read(name, Limits(bytes=1000))
    assert caught.value.code == code


def test_a_huge_file_is_not_read(tree: Path) -> None:
    with (tree / "huge.png").open("wb") as stream:
        stream.truncate(2**40)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match="limit"):
        Folder(tree).read("huge.png", Limits())
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_forbidden_file_is_refused(tree: Path) -> None:
    (tree / "good.png").chmod(0)
    with pytest.raises(DataError) as caught:
        Folder(tree).read("good.png", Limits())
    assert caught.value.code == "file-forbidden"


def test_hashes_find_the_same_file(tree: Path) -> None:
    found = content_hashes(tree, ["good.png", "sub/naïve name.png", "large.png", "fifo.png", "../secret.png"])
    assert found[0] == found[1] != found[2]
    assert len(found[0]) == 64
    assert np.array_equal(found[3:], ["", ""])


@given(
    st.text(max_size=30) | st.lists(st.sampled_from(["..", ".", "a", "/", "\\", "C:", "\0", "~", "way"])).map("/".join)
)
def test_no_name_leads_out(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    root = tmp_path_factory.getbasetemp() / "fuzzed" / "data"
    root.mkdir(parents=True, exist_ok=True)
    if not (root / "way").is_symlink():
        (root / "way").symlink_to("/")
    (root / "a").write_bytes(b"inside")
    try:
        content = Folder(root).read(name, Limits())
    except DataError:
        return
    assert content == b"inside"


def test_a_cell_is_read_by_name_or_taken_as_it_is(tree: Path) -> None:
    folder = Folder(tree)
    assert content_of("good.png", folder, Limits(), "sound") == b"good"
    assert content_of(b"bytes", None, Limits(), "sound") == b"bytes"


@pytest.mark.parametrize(("value", "found"), [(3.5, "is a float"), ("good.png", "no data folder was given")])
def test_a_cell_that_is_neither_name_nor_bytes_is_refused_with_its_kind(value: object, found: str) -> None:
    with pytest.raises(DataError, match=found) as caught:
        content_of(value, None, Limits(), "sound", also=", or a wave")
    assert caught.value.code == "sound-kind"
    assert caught.value.expected.endswith("or a wave")


def test_a_column_without_a_usable_file_names_the_first_problem() -> None:
    cause = DataError("empty-file", where="a.wav", expected="a sound", found="holds no sample", remedy="record again")
    problem = none_usable("sound", "sounds that can be read", "clip", [("a.wav", cause), ("b.wav", cause)])
    assert problem.code == "no-usable-sound"
    assert "none of the 2" in problem.found
    assert "'a.wav', holds no sample" in problem.found
    assert problem.where == 'column "clip"'
