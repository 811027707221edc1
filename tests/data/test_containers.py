"""What a file is, is told by its content; whether it is whole, by its own marks."""

import builtins

import pytest

from polymodal.core import DataError, UsageProblem
from polymodal.data import containers
from polymodal.data.containers import container_of, media, opened, surveyed
from polymodal.data.files import Limits
from tests.data.movies import KINDS, movie, shades, tone


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [("mp4", "mov"), ("mov", "mov"), ("avi", "avi"), ("mkv", "matroska"), ("webm", "matroska"), ("gif", "gif")],
)
def test_content_tells_the_kind(kind: str, wanted: str) -> None:
    assert container_of(movie(kind, shades(3))) == wanted


@pytest.mark.parametrize("content", [b"", b"RIFF\x00\x00\x00\x00WAVEfmt ", b"fLaC", b"\x89PNG\r\n\x1a\n", b"id,path\n"])
def test_other_content_is_none_of_them(content: bytes) -> None:
    assert container_of(content) is None


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "gif"])
def test_timelines_are_those_of_the_packets(kind: str) -> None:
    lines = surveyed(movie(kind, shades(20), 10, tone(1.0, 48_000 if kind == "webm" else 8000)), Limits())
    assert len(lines) == 2
    picture = lines[0]
    assert (picture.start, picture.last, picture.end) == pytest.approx((0.0, 1.9, 2.0), abs=0.02)
    assert picture.gap == pytest.approx(0.1, abs=2e-3)
    assert len(picture.keys) >= 1
    assert lines[1].end - lines[1].start == pytest.approx(1.0, abs=0.2)


def test_a_header_that_leaves_the_length_open_is_believed() -> None:
    content = bytearray(movie("mkv", shades(20)))
    at = content.index(b"\x18\x53\x80\x67") + 4
    content[at : at + 8] = b"\x01" + b"\xff" * 7
    assert surveyed(bytes(content), Limits())[0].end == pytest.approx(2.0, abs=0.02)


def test_no_other_file_is_ever_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []
    real = builtins.open
    monkeypatch.setattr(builtins, "open", lambda *given, **more: tried.append(given[0]) or real(*given, **more))
    for content in (b"ffconcat version 1.0\nfile '/etc/hostname'\n", b"#EXTM3U\n/etc/hostname\n"):
        with pytest.raises(DataError, match="is not a video"), opened(content, Limits()):
            pass
    assert not tried


def test_too_many_packets_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "_MOST_PACKETS", 5)
    with pytest.raises(DataError, match="more than 5 packets"):
        surveyed(movie("mkv", shades(20)), Limits())


def test_a_package_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(UsageProblem, match=r"polymodal\[video\]"):
        media()
