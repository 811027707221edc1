"""Sounds are checked, decoded, resampled and laid out in bands; half a sound is none."""

import builtins
import io

import numpy as np
import pytest

from polymodal.core import DataError, UsageProblem
from polymodal.data import sounds
from polymodal.data.files import Limits
from polymodal.data.sounds import Hearing, Wave, decode, log_mel, rate_of, resampled

soundfile = pytest.importorskip("soundfile", reason='needs the extra: pip install "polymodal[audio]"')


def tone(hertz: float, seconds: float = 0.5, rate: int = 8000) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


def stored(samples: np.ndarray, rate: int = 8000, kind: str = "WAV", **options: object) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format=kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize(("kind", "close"), [("WAV", 1e-3), ("FLAC", 1e-3), ("OGG", 0.1), ("MP3", 0.1), ("AIFF", 1e-3)])
def test_every_format_gives_back_the_sound(kind: str, close: float) -> None:
    samples = tone(440, rate=16_000)
    content = stored(samples, 16_000, kind)
    heard = decode(content, 30.0, Limits())
    assert (heard.rate, rate_of(content, Limits())) == (16_000, 16_000)
    assert abs(len(heard.samples) - 8000) < 4096
    middle = slice(2000, 6000)
    assert np.abs(np.abs(heard.samples[middle]).max() - 0.3) < close


def test_channels_are_averaged() -> None:
    heard = decode(stored(np.stack([tone(300), -tone(300)], axis=1)), 30.0, Limits())
    assert np.abs(heard.samples).max() < 1e-3


def test_only_the_first_seconds_are_heard() -> None:
    assert len(decode(stored(tone(300, 2.0)), 0.25, Limits()).samples) == 2000


WHOLE = stored(tone(440))
BAD = {
    "sound-truncated": [WHOLE[:-100], WHOLE[:60], WHOLE[:44], WHOLE[:30]],
    "sound-format": [b"", b"not a sound", b"\x89PNG\r\n\x1a\n" + bytes(64), stored(tone(440), kind="FLAC")[:40]],
    "sound-empty": [stored(np.zeros(0))],
    "sound-too-large": [bytes(2**20 + 1)],
}


@pytest.mark.parametrize(("code", "content"), [(code, content) for code, all_ in BAD.items() for content in all_])
def test_what_is_no_whole_sound_is_refused(code: str, content: bytes) -> None:
    with pytest.raises(DataError) as caught:
        decode(content, 30.0, Limits(bytes=2**20))
    assert caught.value.code == code
    assert caught.value.found


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("kind", ["FLAC", "WAV"])
def test_a_file_that_was_cut_off_is_never_taken_for_a_whole_one(kind: str, share: float) -> None:
    content = stored(np.random.default_rng(0).normal(0, 0.1, 40_000), kind=kind)
    with pytest.raises(DataError):
        decode(content[: int(share * len(content))], 30.0, Limits())


def test_samples_are_numbers() -> None:
    broken = tone(440)
    broken[7] = np.nan
    with pytest.raises(DataError, match="no finite numbers"):
        decode(stored(broken, subtype="FLOAT"), 30.0, Limits())


@pytest.mark.parametrize("rate", [4000, 11_025, 16_000, 44_100])
def test_another_rate_keeps_length_and_pitch(rate: int) -> None:
    made = resampled(Wave(tone(440).astype(np.float32), 8000), rate)
    assert abs(len(made.samples) / rate - 0.5) < 1e-3
    spectrum = np.abs(np.fft.rfft(made.samples * np.hanning(len(made.samples))))
    assert abs(spectrum.argmax() * rate / len(made.samples) - 440) < 4


def test_what_is_too_high_for_a_rate_does_not_fold_back() -> None:
    made = resampled(Wave(tone(3000).astype(np.float32), 8000), 4000)
    assert np.abs(made.samples[200:-200]).max() < 0.01


@pytest.mark.parametrize("hertz", [200, 440, 1000, 2500])
def test_a_tone_lights_the_band_it_lies_in(hertz: float) -> None:
    hearing = Hearing(rate=8000, bands=32)
    bands = log_mel(Wave(tone(hertz).astype(np.float32), 8000), hearing)
    mel = 2595 * np.log10(1 + np.array([20.0, hertz, 4000.0]) / 700)
    wanted = (mel[1] - mel[0]) / (mel[2] - mel[0]) * 33 - 1
    assert np.abs(bands.mean(axis=0).argmax() - wanted) <= 1
    assert np.isfinite(bands).all()


def test_frames_come_each_ten_milliseconds() -> None:
    hearing = Hearing(rate=8000)
    frames = [len(log_mel(Wave(tone(440, seconds).astype(np.float32), 8000), hearing)) for seconds in (1.0, 2.0)]
    assert frames[1] - frames[0] == 100


@pytest.mark.parametrize("samples", [1, 50, 199, 220, 260])
def test_the_shortest_sound_is_a_frame(samples: int) -> None:
    bands = log_mel(Wave(tone(440).astype(np.float32)[:samples], 8000), Hearing(rate=8000))
    assert bands.shape[0] >= 1
    assert np.isfinite(bands).all()


def test_loudness_is_left_out_unless_it_is_asked_for() -> None:
    waves = [Wave((tone(440) * share).astype(np.float32), 8000) for share in (1.0, 0.05)]
    level, raw = ([log_mel(wave, Hearing(rate=8000, level=way)) for wave in waves] for way in (True, False))
    band = level[0].mean(axis=0).argmax()
    assert np.abs(level[0] - level[1])[:, band].max() < 0.01
    assert np.abs(raw[0] - raw[1])[:, band].min() > 5


def test_silence_is_finite() -> None:
    assert np.isfinite(log_mel(Wave(np.zeros(4000, np.float32), 8000), Hearing(rate=8000))).all()


def test_every_band_hears_something() -> None:
    assert (sounds._filters(8000, 256, 128).sum(dim=1) > 0).all()


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    before = builtins.__import__

    def without(name: str, *rest: object, **more: object) -> object:
        if name == "soundfile":
            raise ImportError(name)
        return before(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageProblem, match=r"polymodal\[audio\]"):
        decode(WHOLE, 30.0, Limits())
