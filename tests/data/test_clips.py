"""Frames of videos: which are chosen, when they are shown, and what is refused before or while it is decoded."""

import io
import struct

import numpy as np
import pytest

from polymodal.core import DataError
from polymodal.data.clips import Sampling, frames_of
from polymodal.data.files import Limits
from polymodal.data.filming import film
from tests.data.movies import KINDS, av, movie, shades, tone


def watched(content: bytes, sampling: Sampling = Sampling(4), limits: Limits = Limits()) -> tuple[list, list]:  # noqa: B008
    pairs = list(frames_of(content, sampling, limits))
    return [moment for moment, _ in pairs], [np.asarray(picture.convert("L")) for _, picture in pairs]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_at_the_middles_of_equal_parts(kind: str) -> None:
    sound = None if kind == "gif" else tone(2.0, 48_000 if kind == "webm" else 8000)
    moments, pictures = watched(movie(kind, shades(20), 10, sound))
    assert moments == pytest.approx([0.2, 0.7, 1.2, 1.7], abs=0.06)
    wanted = np.linspace(0, 200, 20)[[2, 7, 12, 17]]
    assert [float(picture.mean()) for picture in pictures] == pytest.approx(wanted.tolist(), abs=12)
    assert all(picture.shape == (32, 48) for picture in pictures)


def test_without_loss_each_pixel_comes_back() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (6, 9, 7), dtype=np.uint8)
    moments, pictures = watched(film(frames, 12), Sampling(6))
    assert np.array_equal(np.stack(pictures), frames)
    assert moments == pytest.approx(np.arange(6) / 12, abs=1e-3)


def test_a_stated_rate_begins_at_the_first_frame_and_ends_with_the_clip() -> None:
    content = film(shades(20), 10)
    assert watched(content, Sampling(8, rate=2.0))[0] == pytest.approx([0.0, 0.5, 1.0, 1.5], abs=2e-3)
    assert watched(content, Sampling(3, rate=2.0))[0] == pytest.approx([0.0, 0.5, 1.0], abs=2e-3)
    assert watched(content, Sampling(2, longest=1.0))[0] == pytest.approx([0.2, 0.7], abs=0.06)


def test_a_frame_that_is_asked_for_twice_comes_once() -> None:
    moments, pictures = watched(film(shades(3), 10), Sampling(8))
    assert moments == pytest.approx([0.0, 0.1, 0.2], abs=2e-3)
    assert [round(float(picture.mean())) for picture in pictures] == [0, 100, 200]
    assert watched(film(shades(1), 10), Sampling(8))[0] == [0.0]


@pytest.mark.parametrize("kind", ["mp4", "mkv", "webm"])
def test_skipped_stretches_change_nothing(kind: str) -> None:
    content = movie(kind, shades(60), 10)
    everything = dict(zip(*watched(content, Sampling(60, rate=10.0)), strict=True))
    assert len(everything) == 60
    for moment, picture in zip(*watched(content, Sampling(3)), strict=True):
        assert np.array_equal(everything[moment], picture)


def test_what_is_not_wanted_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    from polymodal.data import clips

    count, decoded = [0], clips._decoded

    def counted(*given):
        for frame in decoded(*given):
            count[0] += 1
            yield frame

    monkeypatch.setattr(clips, "_decoded", counted)
    watched(movie("mp4", shades(200), 10), Sampling(2))
    assert count[0] < 40  # two stretches of five frames, and what the decoder still holds


def test_pictures_are_upright_and_their_pixels_square() -> None:
    frames = np.zeros((4, 32, 48, 3), dtype=np.uint8)
    frames[:, :8] = 255  # a bright edge above
    content = bytearray(movie("mp4", frames))
    at = content.index(b"tkhd") + 4 + 40
    content[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    _, pictures = watched(bytes(content))
    assert pictures[0].shape == (48, 32)
    assert pictures[0][:, -8:].mean() > 200  # held a quarter to the right
    assert pictures[0][:, :16].mean() < 50


def cut(kind: str, share: float) -> bytes:
    content = movie(kind, shades(40), 10, None if kind == "gif" else tone(4.0, 48_000 if kind == "webm" else 8000))
    return content[: int(len(content) * share)]


@pytest.mark.parametrize("share", [0.5, 0.97])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_was_cut_off_is_refused(kind: str, share: float) -> None:
    with pytest.raises(DataError, match="cut off"):
        watched(cut(kind, share))


def test_a_file_whose_index_comes_first_is_refused_when_cut() -> None:
    content = movie("mp4", shades(40), 10, tone(4.0), {"movflags": "frag_keyframe+empty_moov"})
    assert content.index(b"moov") < content.index(b"mdat")
    with pytest.raises(DataError, match="cut off"):
        watched(content[: len(content) // 2])


def lying_about_size() -> bytes:
    content = bytearray(movie("gif", shades(4)))
    content[6:10] = struct.pack("<HH", 65_000, 65_000)
    return bytes(content)


def lying_about_length() -> bytes:
    content = bytearray(film(shades(10), 10))
    at = content.index(b"\x44\x89\x88") + 3  # how many thousandths of a second it takes, as a double
    content[at : at + 8] = struct.pack(">d", 1e7)
    return bytes(content)


def lying_about_frames() -> bytes:
    content = bytearray(movie("avi", shades(10)))
    at = content.index(b"vids") + 32
    content[at : at + 4] = struct.pack("<I", 5000)
    return bytes(content)


def scrambled() -> bytes:
    content = bytearray(movie("mkv", shades(10)))
    at = len(content) // 3
    content[at : at + 200] = bytes(200)
    return bytes(content)


def cover() -> bytes:
    """Sound with a picture of the record's sleeve, which is no moving picture."""
    stream = io.BytesIO()
    with av.open(stream, "w", format="mp4") as opened:
        heard, sleeve = opened.add_stream("aac", rate=8000, layout="mono"), opened.add_stream("mjpeg", rate=1)
        sleeve.width, sleeve.height, sleeve.pix_fmt = 48, 32, "yuvj420p"
        sleeve.disposition = av.stream.Disposition.attached_pic
        opened.mux(sleeve.encode(av.VideoFrame.from_ndarray(shades(1)[0], format="rgb24").reformat(format="yuvj420p")))
        opened.mux(sleeve.encode(None))
        made = av.AudioFrame.from_ndarray(tone(1.0)[None], format="s16", layout="mono")
        made.sample_rate = 8000
        opened.mux(heard.encode(made))
        opened.mux(heard.encode(None))
    return stream.getvalue()


BAD = {
    "nothing": (lambda: b"", "is not a video"),
    "words": (lambda: b"no video at all, only words" * 20, "is not a video"),
    "a playlist": (lambda: b"#EXTM3U\nhttp://example.org/a.ts\n", "is not a video"),
    "a picture": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(200), "is not a video"),
    "a beginning alone": (lambda: movie("avi", shades(4))[:12], "cut off"),
    "noise behind a beginning": (lambda: b"\x1a\x45\xdf\xa3" + bytes(range(256)) * 8, "damaged or cut off"),
    "sound only": (lambda: movie("mp4", None, 10, tone(1.0)), "holds sound only"),
    "a cover": (cover, "holds sound only"),
    "no frame": (lambda: movie("mkv", shades(0), 10, tone(1.0)), "holds no frame"),
    "a size that is not there": (lying_about_size, "far beyond the limit of 40,000,000 pixels"),
    "a length that is not there": (lying_about_length, "announces 10,000.00 s and holds"),
    "frames that are not there": (lying_about_frames, "announces 5,000 frames and holds 10|announces 500.00 s"),
    "a damaged middle": (scrambled, "announces 1.00 s and holds"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_files_are_refused_with_a_reason(what: str) -> None:
    make, reason = BAD[what]
    with pytest.raises(DataError, match=reason):
        watched(make())


def test_limits_are_kept_before_anything_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    content = movie("mp4", shades(4))
    monkeypatch.setattr("polymodal.data.clips._decoded", None)
    with pytest.raises(DataError, match="beyond the limit of 1,000 pixels"):
        watched(content, limits=Limits(pixels=1000))
    with pytest.raises(DataError, match="bytes, the limit is 100"):
        watched(content, limits=Limits(bytes=100))


def test_nothing_is_said_on_the_way(capfd: pytest.CaptureFixture) -> None:
    with pytest.raises(DataError):
        watched(scrambled())
    assert capfd.readouterr() == ("", "")


def test_mangled_files_are_read_or_refused_and_nothing_else_happens() -> None:
    draw = np.random.default_rng(0)
    whole = {kind: movie(kind, shades(12), 10, None if kind == "gif" else tone(1.2, 48_000)) for kind in KINDS}
    told = {"read": 0, "refused": 0}
    for turn in range(300):
        content = bytearray(whole[list(KINDS)[turn % len(KINDS)]])
        for _ in range(int(draw.integers(1, 6))):
            at = int(draw.integers(len(content)))
            content[at : at + 2] = draw.integers(0, 256, int(draw.integers(0, 4)), dtype=np.uint8).tobytes()
        try:
            moments, _ = watched(bytes(content))
            told["read"] += len(moments) > 0
        except DataError as error:
            told["refused"] += len(error.found) > 0
    assert sum(told.values()) == 300
    assert min(told.values()) > 20
