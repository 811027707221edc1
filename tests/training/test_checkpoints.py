"""Committed folders are whole or refused by name."""

import errno
from pathlib import Path

import pytest
import torch

from polymodal.core import DamagedError, ResourceError
from polymodal.training import checkpoints


def committed(folder: Path, step: int) -> Path:
    return checkpoints.save(folder, step, {"weight": torch.arange(6.0)}, {"step": step})


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    committed(tmp_path, 3)
    found = checkpoints.newest(tmp_path)
    assert found is not None
    tensors, state, skipped = found
    assert torch.equal(tensors["weight"], torch.arange(6.0))
    assert state == {"step": 3}
    assert not skipped


@pytest.mark.parametrize("damage", ["truncate", "flip", "swap", "extra", "manifest", "pickle", "link"])
def test_damage_is_named_and_the_older_checkpoint_is_taken(tmp_path: Path, damage: str) -> None:
    committed(tmp_path, 1)
    place = committed(tmp_path, 2)
    weights = place / "state.safetensors"
    content = weights.read_bytes()
    if damage == "truncate":
        weights.write_bytes(content[:-3])
    elif damage == "flip":
        weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "swap":
        weights.write_bytes((tmp_path / "step-000001" / "state.json").read_bytes())
    elif damage == "extra":
        (place / "surprise.bin").write_bytes(b"x")
    elif damage == "manifest":
        (place / "MANIFEST.json").write_text("[]")
    elif damage == "pickle":
        weights.write_bytes(b"\x80\x04K\x01.")
    else:
        weights.rename(tmp_path / "elsewhere")
        weights.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DamagedError, match=str(place)):
        checkpoints.verify(place)
    found = checkpoints.newest(tmp_path)
    assert found is not None
    assert found[1] == {"step": 1}
    assert "step-000002" in found[2][0]


def test_a_full_disk_costs_nothing_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    committed(tmp_path, 1)

    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoints, "_write_synced", full)
    with pytest.raises(ResourceError, match="disk-full"):
        committed(tmp_path, 2)
    found = checkpoints.newest(tmp_path)
    assert found is not None
    assert found[1] == {"step": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["step-000001"]


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for step in range(1, 6):
        committed(tmp_path, step)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000004", "step-000005"]


def test_the_newest_is_the_one_of_most_steps_however_it_is_written(tmp_path: Path) -> None:
    for step in (999_998, 999_999, 1_000_000, 1_000_001):
        committed(tmp_path, step)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-1000000", "step-1000001"]


def test_a_folder_without_a_whole_checkpoint_is_an_error_and_an_empty_one_is_not(tmp_path: Path) -> None:
    assert checkpoints.newest(tmp_path) is None
    (committed(tmp_path, 1) / "MANIFEST.json").unlink()
    with pytest.raises(DamagedError, match="no-valid-checkpoint"):
        checkpoints.newest(tmp_path)


def test_a_damaged_checkpoint_is_written_anew(tmp_path: Path) -> None:
    place = checkpoints.save(tmp_path, 3, {"a": torch.ones(2)}, {"step": 3})
    with (place / "state.safetensors").open("ab") as stream:
        stream.write(b"x")
    checkpoints.save(tmp_path, 3, {"a": torch.ones(2)}, {"step": 3})
    tensors, state, skipped = checkpoints.newest(tmp_path)
    assert (tensors["a"].tolist(), state, skipped) == ([1.0, 1.0], {"step": 3}, [])
