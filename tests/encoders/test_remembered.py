"""Vectors come back bit for bit, damaged ones are made again, and trouble with the disk costs nothing but time."""

import multiprocessing
import sqlite3
import stat
from pathlib import Path

import pytest
import torch

from polymodal.encoders.remembered import Remembered

MADE = {bytes([number]) * 16: torch.randn(8, generator=torch.Generator().manual_seed(number)) for number in range(9)}


@pytest.fixture
def store(tmp_path: Path) -> Remembered:
    """One that holds nine vectors."""
    made = Remembered(tmp_path / "frozen" / "net.sqlite")
    made.keep(MADE)
    return made


def same(found: dict[bytes, torch.Tensor], wanted: dict[bytes, torch.Tensor]) -> bool:
    """Whether both hold the same vectors, bit for bit."""
    return found.keys() == wanted.keys() and all(torch.equal(found[key], wanted[key]) for key in wanted)


def test_what_was_kept_is_found_by_another_process_of_work(store: Remembered) -> None:
    again = Remembered(store.path)
    assert same(again.find([*MADE, b"strange"]), MADE)
    assert again.find([b"strange"]) == {}
    assert same(again.find(list(MADE)[:2] * 3), dict(list(MADE.items())[:2]))


def test_nothing_is_written_to_ask(tmp_path: Path) -> None:
    assert Remembered(tmp_path / "none.sqlite").find(MADE) == {}
    assert list(tmp_path.iterdir()) == []


def test_many_are_kept_at_once(tmp_path: Path) -> None:
    many = {number.to_bytes(16, "big"): torch.full((2,), float(number)) for number in range(1203)}
    store = Remembered(tmp_path / "net.sqlite")
    store.keep(many)
    assert same(store.find(many), many)


def test_the_folder_is_for_its_owner_alone(store: Remembered) -> None:
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700


def test_a_vector_that_changed_on_disk_is_made_again(store: Remembered) -> None:
    first, second, third, *others = MADE
    with sqlite3.connect(store.path) as opened:
        (kept,) = opened.execute("SELECT vector FROM vectors WHERE key = ?", (first,)).fetchone()
        turned = bytes([kept[0] ^ 1]) + kept[1:]
        opened.execute("UPDATE vectors SET vector = ? WHERE key = ?", (turned, first))
        opened.execute("UPDATE vectors SET vector = ? WHERE key = ?", (kept[:3], second))
        opened.execute("UPDATE vectors SET vector = ? WHERE key = ?", ("words", third))
    assert same(store.find(MADE), {key: MADE[key] for key in others})
    store.keep({first: MADE[first]})
    assert torch.equal(store.find([first])[first], MADE[first])


def test_a_file_that_is_no_store_is_told_once_and_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "net.sqlite"
    place.write_bytes(b"no database at all" * 100)
    store = Remembered(place)
    with pytest.warns(RuntimeWarning, match="not kept from run to run"):
        assert store.find(MADE) == {}
    store.keep(MADE)  # a second warning would be an error
    assert store.find(MADE) == {}
    assert place.read_bytes() == b"no database at all" * 100


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = Remembered(tmp_path / "file" / "net.sqlite")
    with pytest.warns(RuntimeWarning, match="net.sqlite"):
        store.keep(MADE)
    assert store.find(MADE) == {}


def test_a_full_file_takes_no_more(store: Remembered) -> None:
    full = Remembered(store.path, most=1)
    full.keep({b"new": torch.zeros(8)})
    assert full.find([b"new"]) == {}
    assert same(full.find(MADE), MADE)


def _keep_many(path: Path, first: int) -> None:
    store = Remembered(path)
    for number in range(first, first + 50):
        store.keep({number.to_bytes(16, "big"): torch.full((4,), float(number))})


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    path, context = tmp_path / "net.sqlite", multiprocessing.get_context("spawn")
    both = [context.Process(target=_keep_many, args=(path, first)) for first in (0, 50)]
    for each in both:
        each.start()
    for each in both:
        each.join(60)
    wanted = {number.to_bytes(16, "big"): torch.full((4,), float(number)) for number in range(100)}
    assert same(Remembered(path).find(wanted), wanted)
