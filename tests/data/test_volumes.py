"""NIfTI files are checked before they are unpacked, and come out in one orientation on one grid."""

import builtins
import gzip
import struct
from contextlib import suppress

import numpy as np
import pytest

from polymodal.core import DataError, UsageProblem
from polymodal.data.files import Limits
from polymodal.data.volumes import Volume, decode, encode, on_grid, turned

nibabel = pytest.importorskip("nibabel", reason='needs the extra: pip install "polymodal[imaging]"')

SHAPE = (6, 5, 4)
VOXELS = np.random.default_rng(0).normal(100, 20, SHAPE).astype(np.float32)
MATRIX = np.diag([2.0, 3.0, 4.0, 1.0])
WHOLE = encode(VOXELS, MATRIX)


def changed(place: int, form: str, *values: float) -> bytes:
    """The whole file with other numbers in its header."""
    content = bytearray(WHOLE)
    struct.pack_into("<" + form, content, place, *values)
    return bytes(content)


def of(shape: tuple[int, ...], kind: object = np.int16) -> bytes:
    return encode(np.zeros(shape, dtype=kind), MATRIX)


def rotated(*spacing: float) -> bytes:
    """A file that is placed by sform alone, with these three rows of four numbers."""
    content = bytearray(WHOLE)
    struct.pack_into("<hh", content, 252, 0, 1)
    struct.pack_into("<12f", content, 280, *spacing)
    return bytes(content)


BAD = {
    "nothing": ("volume-format", b"", "does not begin"),
    "a picture": ("volume-format", b"\x89PNG\r\n\x1a\n" + bytes(600), "does not begin"),
    "half a header": ("volume-format", WHOLE[:200], "does not begin"),
    "another mark": ("volume-format", changed(344, "4s", b"abc\0"), "lacks the mark"),
    "half of a pair": ("volume-format", changed(344, "4s", b"ni1\0"), "half of a pair"),
    "cut off": ("volume-truncated", WHOLE[:-30], "announces 832 bytes and holds 802"),
    "packed and cut off": ("volume-truncated", gzip.compress(WHOLE)[:-40], "ends before its end"),
    "packed, without its checksum": ("volume-truncated", gzip.compress(WHOLE)[:-4], "ends before its end"),
    "packed and damaged": ("volume-format", gzip.compress(WHOLE)[:60] + bytes(200), "damaged"),
    "packed, shorter than it says": ("volume-truncated", gzip.compress(WHOLE[:-30]), "announces 832 bytes"),
    "longer than it says": ("volume-format", WHOLE + bytes(2000), "holds more"),
    "a claim of 30,000 cubed": ("volume-too-large", changed(40, "4h", 3, 30_000, 30_000, 30_000), "27,000,000,000,000"),
    "a large file": ("volume-too-large", bytes(2**20 + 1), "limit is 1,048,576"),
    "two axes": ("volume-shape", of((6, 5)), "6 × 5"),
    "one slice": ("volume-shape", of((6, 5, 1)), "picture"),
    "five axes": ("volume-shape", of((6, 5, 4, 2, 3)), "more axes"),
    "no voxel": ("volume-shape", changed(40, "4h", 3, 6, 0, 4), "cannot be"),
    "a negative side": ("volume-shape", changed(40, "4h", 3, 6, -5, 4), "cannot be"),
    "no axes": ("volume-shape", changed(40, "h", 0), "cannot be"),
    "ninety axes": ("volume-shape", changed(40, "h", 90), "cannot be"),
    "channels": ("volume-channels", of((6, 5, 4, 3)), "holds 3 volumes"),
    "complex numbers": ("volume-kind", of(SHAPE, np.complex64), "complex"),
    "colours": ("volume-kind", changed(70, "h", 128), "not one real number"),
    "an unknown type": ("volume-kind", changed(70, "h", 77), "code 77"),
    "voxels in the header": ("volume-format", changed(108, "f", 12.0), "at byte 12"),
    "voxels nowhere": ("volume-format", changed(108, "f", float("nan")), "at byte nan"),
    "voxels far away": ("volume-format", changed(108, "f", 1e30), "at byte 1e+30"),
    "no intercept": ("volume-format", changed(112, "2f", 2.0, float("nan")), "intercept"),
    "no way up": ("volume-orientation", changed(252, "2h", 0, 0), "left cannot be told"),
    "no place": ("volume-spacing", rotated(*[0.0] * 12), "0 × 0 × 0 mm"),
    "a flat voxel": ("volume-spacing", rotated(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0), "1 × 1 × 0 mm"),
    "axes in a plane": ("volume-spacing", rotated(1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0), "one plane"),
    "a place that is no number": ("volume-spacing", rotated(*[float("nan")] * 12), "nan"),
    "voxels of a kilometre": ("volume-spacing", rotated(1e6, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0), "1e+06"),
    "no finite voxel": ("volume-empty", encode(np.full(SHAPE, np.nan, np.float32), MATRIX), "no finite number"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_whole_volume_is_refused(case: str) -> None:
    code, content, said = BAD[case]
    with pytest.raises(DataError) as caught:
        decode(content, 1, Limits(bytes=2**20, pixels=10**6))
    assert caught.value.code == code
    assert said in caught.value.found


@pytest.mark.parametrize("seed", range(40))
def test_a_file_with_bytes_changed_at_random_is_read_or_refused(seed: int) -> None:
    draw = np.random.default_rng(seed)
    content = bytearray(WHOLE)
    for place in draw.integers(0, 352, 6):
        content[place] = draw.integers(256)
    with suppress(DataError):
        assert decode(bytes(content), 1, Limits(bytes=2**20, pixels=10**6)).voxels.ndim == 4


def test_what_is_packed_is_never_unpacked_beyond_what_it_announces(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    real = gzip.GzipFile.read

    def read(self: gzip.GzipFile, size: int = -1) -> bytes:
        asked.append(size)
        return real(self, size)

    monkeypatch.setattr(gzip.GzipFile, "read", read)
    bomb = gzip.compress(WHOLE + bytes(50_000_000))
    with pytest.raises(DataError, match="holds more"):
        decode(bomb, 1, Limits())
    assert all(0 < size < 2000 for size in asked)


def test_voxels_size_and_slope_are_those_of_the_file() -> None:
    for content in (WHOLE, gzip.compress(WHOLE), gzip.compress(WHOLE[:300]) + gzip.compress(WHOLE[300:])):
        found = decode(content, 1, Limits())
        np.testing.assert_array_equal(found.voxels[0], VOXELS)
        np.testing.assert_allclose(found.spacing, [2, 3, 4])
    sloped = decode(changed(112, "2f", 2.0, -7.0), 1, Limits())
    np.testing.assert_allclose(sloped.voxels[0], 2 * VOXELS - 7, rtol=1e-5)


def test_metres_become_millimetres_and_both_kinds_of_nifti_are_read() -> None:
    image = nibabel.Nifti2Image(VOXELS.astype(">f4"), np.diag([0.002, 0.003, 0.004, 1]), dtype=">f4")
    image.header.set_xyzt_units("meter")
    found = decode(image.to_bytes(), 1, Limits())
    np.testing.assert_allclose(found.spacing, [2, 3, 4], rtol=1e-6)
    np.testing.assert_array_equal(found.voxels[0], VOXELS)
    big = nibabel.Nifti1Image(VOXELS, MATRIX, nibabel.Nifti1Header(endianness=">"))
    np.testing.assert_array_equal(decode(big.to_bytes(), 1, Limits()).voxels[0], VOXELS)


@pytest.mark.parametrize("way", ["RAS", "LAS", "LPS", "PIR", "SRA", "AIL"])
def test_however_a_volume_is_stored_it_comes_out_the_same(way: str) -> None:
    stored = nibabel.Nifti1Image(*turned(VOXELS, np.array([2.0, 3.0, 4.0]), way))
    assert "".join(nibabel.aff2axcodes(stored.affine)) == way
    found = decode(stored.to_bytes(), 1, Limits())
    np.testing.assert_array_equal(found.voxels[0], VOXELS)
    np.testing.assert_allclose(found.spacing, [2, 3, 4], rtol=1e-5)
    asked = nibabel.as_closest_canonical(stored)
    np.testing.assert_array_equal(asked.get_fdata(dtype=np.float32), found.voxels[0])
    np.testing.assert_allclose(asked.affine[:3, 3], [-5, -6, -6])  # the middle of 6 × 5 × 4 voxels of 2 × 3 × 4 mm


def test_without_an_orientation_voxels_may_be_taken_as_they_are_stored() -> None:
    found = decode(changed(252, "2h", 0, 0), 1, Limits(), oriented=False)
    np.testing.assert_array_equal(found.voxels[0], VOXELS)
    np.testing.assert_allclose(found.spacing, [2, 3, 4])


def test_a_fourth_axis_is_channels_where_that_is_said() -> None:
    several = np.stack([VOXELS, VOXELS + 1], axis=-1)
    found = decode(encode(several, MATRIX), 2, Limits())
    np.testing.assert_array_equal(found.voxels, np.moveaxis(several, 3, 0))
    with pytest.raises(DataError, match="holds 1 volumes"):
        decode(WHOLE, 2, Limits())
    assert decode(encode(VOXELS[..., None], MATRIX), 1, Limits()).voxels.shape == (1, *SHAPE)


def test_voxels_that_are_no_numbers_are_unknown() -> None:
    broken = VOXELS.copy()
    broken[0, 0, 0], broken[1, 1, 1] = np.inf, np.nan
    found = decode(encode(broken, MATRIX), 1, Limits()).voxels[0]
    assert np.isnan(found).sum() == 2
    assert np.isnan(found[0, 0, 0])


def test_a_grid_of_the_same_size_changes_nothing() -> None:
    volume = Volume(VOXELS[None], np.array([2.0, 3.0, 4.0]))
    found = on_grid(volume, SHAPE)
    np.testing.assert_allclose(found.voxels, VOXELS[None], rtol=1e-6)
    np.testing.assert_allclose(found.spacing, [2, 3, 4])


@pytest.mark.parametrize("size", [(3, 3, 3), (12, 5, 9), (40, 40, 40)])
def test_what_rises_evenly_does_so_on_any_grid(size: tuple[int, int, int]) -> None:
    axes = np.meshgrid(*(np.arange(20.0) + 0.5 for _ in range(3)), indexing="ij")
    volume = Volume((axes[0] + 2 * axes[1] - axes[2]).astype(np.float32)[None], np.ones(3))
    found = on_grid(volume, size)
    np.testing.assert_allclose(found.spacing, 20 / np.array(size))
    wanted = np.meshgrid(*((np.arange(side) + 0.5) * 20 / side for side in size), indexing="ij")
    inside = tuple(slice(side // 3, side - side // 3) for side in size)
    np.testing.assert_allclose(
        found.voxels[0][inside], (wanted[0] + 2 * wanted[1] - wanted[2])[inside], atol=0.15
    )  # of cells up to seven voxels wide


def test_a_small_bright_voxel_is_not_skipped_by_a_coarse_grid() -> None:
    voxels = np.zeros((1, 32, 32, 32), dtype=np.float32)
    voxels[0, 17, 5, 22] = 512.0
    assert on_grid(Volume(voxels, np.ones(3)), (4, 4, 4)).voxels.sum() == pytest.approx(1.0, rel=0.3)


def test_cells_in_millimetres_keep_sizes_and_leave_the_outside_unknown() -> None:
    voxels = np.ones((1, 10, 10, 10), dtype=np.float32)
    found = on_grid(Volume(voxels, np.array([1.0, 1.0, 4.0])), (16, 16, 16), 2.0)
    known = ~np.isnan(found.voxels[0])
    assert known.any(axis=(1, 2)).sum() == 6  # 10 mm, and cells at 9 and 11 mm of 5 beyond the middle are not both in
    assert known.any(axis=(0, 1)).sum() == 16
    np.testing.assert_allclose(found.voxels[0][known], 1.0, rtol=1e-5)
    np.testing.assert_allclose(found.spacing, 2.0)


def test_unknown_voxels_spread_to_no_neighbour() -> None:
    voxels = np.ones((1, 8, 8, 8), dtype=np.float32)
    voxels[0, :4] = np.nan
    found = on_grid(Volume(voxels, np.ones(3)), (4, 4, 4)).voxels[0]
    assert np.isnan(found[:2]).all()
    np.testing.assert_allclose(found[2:], 1.0)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    before = builtins.__import__

    def without(name: str, *rest: object, **more: object) -> object:
        if name == "nibabel":
            raise ImportError(name)
        return before(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageProblem, match=r"polymodal\[imaging\]"):
        decode(WHOLE, 1, Limits())
