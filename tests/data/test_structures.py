"""A column of structures: how it reads lists and files, what it refuses, and which atoms are neighbours."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from polymodal.core import DataError
from polymodal.data.atoms import checked
from polymodal.data.base import DataTable
from polymodal.data.files import Limits
from polymodal.data.structures import Reach, StructureColumn, neighbours_of
from polymodal.data.tables import read_table
from polymodal.testing import check_column

WATER, PLACES = [8, 1, 1], [[0, 0, 0.1], [0, 0.76, -0.5], [0, -0.76, -0.5]]


def column(numbers: str | None = "z", room: int = 0, **options: object) -> StructureColumn:
    return StructureColumn("r", numbers, Reach(**options), Limits(bytes=2**20), room)


def table(numbers: list[object], places: list[object]) -> DataTable:
    return DataTable(pd.DataFrame({"z": pd.Series(numbers, dtype=object), "r": pd.Series(places, dtype=object)}))


def random_places(count: int, seed: int = 0, side: float = 8.0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(0, side, 1.2)] * 3), axis=-1).reshape(-1, 3)
    return draw.permutation(grid)[:count] + draw.uniform(-0.2, 0.2, (count, 3))


def test_it_keeps_the_contract() -> None:
    draw = np.random.default_rng(0)
    sizes = draw.integers(1, 9, 12)
    numbers: list[object] = [draw.integers(1, 9, size) for size in sizes]
    places: list[object] = [random_places(size, seed) for seed, size in enumerate(sizes)]
    numbers[4], places[5] = None, None
    check_column(column, table(numbers, places), np.array([0, 1, 2, 3, 4, 8]))


def test_nested_and_flat_lists_arrays_and_texts_are_read() -> None:
    flat = np.ravel(PLACES)
    places = [PLACES, np.array(PLACES), flat, flat.tolist(), " ".join(map(str, flat))]
    numbers = [WATER, np.array(WATER), WATER, "8 1 1", "[8, 1, 1]"]
    made = column()
    made.fit(table(numbers, places), np.arange(5))
    values, refusals = made.collate(made.read(table(numbers, places)), np.arange(5))
    assert refusals == []
    assert values.index.tolist() == [0, 1, 2, 3, 4]
    for place in range(5):
        assert values.data["numbers"][place].tolist() == WATER
        np.testing.assert_allclose(values.data["positions"][place], PLACES - np.mean(PLACES, axis=0), atol=1e-6)
    assert made.learned.middle == 3
    assert made.learned.neighbours == 2


@pytest.mark.parametrize("name", ["t.parquet", "t.jsonl", "t.csv"])
def test_tables_on_disk(tmp_path: Path, name: str) -> None:
    flat = np.ravel(PLACES).tolist()
    frame = pd.DataFrame({"z": [WATER, [1, 1]], "r": [flat, [0, 0, 0, 0, 0, 0.74]]})
    if name.endswith("parquet"):
        frame["r"] = [PLACES, [[0, 0, 0], [0, 0, 0.74]]]
        frame.to_parquet(tmp_path / name)
        again = pd.read_parquet(tmp_path / name)
        values, refusals = column().collate(column().read(DataTable(again)), np.arange(2))
        assert refusals == []
        assert values.data["numbers"].tolist() == [WATER, [1, 1, 0]]
    elif name.endswith("jsonl"):
        frame.to_json(tmp_path / name, orient="records", lines=True)
    else:
        frame.map(lambda cell: " ".join(map(str, cell))).to_csv(tmp_path / name, index=False)
    read = read_table(tmp_path / name)
    made = column()
    made.fit(read, np.arange(2))
    values, refusals = made.collate(made.read(read), np.arange(2))
    assert refusals == []
    assert values.data["numbers"].tolist() == [WATER, [1, 1, 0]]


BAD = [
    ([8, 1], PLACES, "2 atoms and positions of the shape 3 × 3"),
    (WATER, [[0, 0], [1, 1], [2, 2]], "shape 3 × 2"),
    (WATER, np.ravel(PLACES)[:8], "shape 8"),
    (WATER, [[0, 0, 0.1], [0, float("nan"), 0], [0, -0.76, -0.5]], "where atom 2 is"),
    (WATER, [[0, 0, 0.1], [0, float("inf"), 0], [0, -0.76, -0.5]], "where atom 2 is"),
    ([8, 0, 1], PLACES, "atom of number 0"),
    ([8, 119, 1], PLACES, "atom of number 119"),
    ([8, -1, 1], PLACES, "atom of number -1"),
    ([8, 1.5, 1], PLACES, "atom of number 1.5"),
    (WATER, [[0, 0, 0.1], [0, 0.05, 0.1], [0, 2, 0]], "two atoms (1 and 2)"),
    (WATER, [[0, 0, 0.1], [0, 0.76], [0]], "different lengths"),
    (["O", "H", "H"], PLACES, "no"),
    (WATER, "somewhere", "no number"),
    ([1] * 600, random_places(343).repeat(2, axis=0)[:600], "600 atoms; 1 to 512"),
    (WATER, np.array(PLACES) * 1e6, "from its middle"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_cells_refuse_their_row_and_no_other(case: int) -> None:
    numbers, places, said = BAD[case]
    given = table([WATER, numbers, None, WATER], [PLACES, places, PLACES, PLACES])
    made = column()
    made.fit(given, np.arange(4))
    values, refusals = made.collate(made.read(given), np.arange(4))
    assert values.present.tolist() == [True, False, False, True]
    (refusal,) = refusals
    assert refusal.row == 1
    assert said in refusal.reason


def test_empty_lists_are_absent_or_refused() -> None:
    given = table([WATER, [], WATER], [PLACES, [], []])
    made = column()
    made.fit(given, np.arange(1))
    values, refusals = made.collate(made.read(given), np.arange(3))
    assert values.present.tolist() == [True, False, False]
    assert {refusal.row for refusal in refusals} <= {1, 2}


def test_files_are_read_once_and_bad_ones_refused(tmp_path: Path) -> None:
    text = "3\n\nO 0 0 .1\nH 0 .76 -.5\nH 0 -.76 -.5\n"
    (tmp_path / "water.xyz").write_text(text)
    (tmp_path / "cut.xyz").write_text(text[:-20])
    (tmp_path / "large.xyz").write_text("9" * (2**20 + 1))
    (tmp_path / "folder.xyz").mkdir()
    names = ["water.xyz", "cut.xyz", "", "water.xyz", "large.xyz", "folder.xyz", "../water.xyz", "none.xyz"]
    cells = [*names, text.encode(), bytes(2**20 + 1), 3.5]
    given = DataTable(pd.DataFrame({"r": pd.Series(cells, dtype=object)}), files=tmp_path)
    made = column(None, room=2**20)
    made.fit(given, np.arange(4))
    cells_read = made.read(given)
    values, refusals = made.collate(cells_read, np.arange(len(cells)))
    assert values.index.tolist() == [0, -1, -1, 0, -1, -1, -1, -1, 1, -1, -1]
    assert [refusal.row for refusal in refusals] == [1, 4, 5, 6, 7, 9, 10]
    assert refusals[0].path == "cut.xyz"
    assert "numbers" in refusals[-1].reason
    assert len(cells_read.found) == 2
    assert made.holds_files
    assert not column().holds_files


def test_names_need_a_folder_and_training_rows_something_usable() -> None:
    given = DataTable(pd.DataFrame({"r": ["a.xyz", "b.xyz"]}))
    with pytest.raises(DataError, match="no data folder"):
        column(None).fit(given, np.arange(2))


def test_neighbours_are_those_within_the_radius() -> None:
    places = random_places(60)
    edges = neighbours_of(places, Reach(radius=2.5, neighbours=60))
    away = np.linalg.norm(places[:, None] - places[None], axis=-1)
    wanted = {(one, other) for one, other in np.argwhere((away <= 2.5) & (away > 0))}
    assert {tuple(edge) for edge in edges} == wanted
    assert len(edges) == len(wanted)


def test_of_many_neighbours_the_nearest_stay() -> None:
    places = random_places(80)
    edges = neighbours_of(places, Reach(radius=5.0, neighbours=6))
    away = np.linalg.norm(places[:, None] - places[None], axis=-1)
    for atom in range(80):
        heard = edges[edges[:, 1] == atom, 0]
        np.testing.assert_array_equal(np.sort(heard), np.sort(np.argsort(away[atom])[1:7]))


@pytest.mark.parametrize("limit", [5, 6, 7, 17, 18, 26])
def test_neighbours_that_are_equally_far_go_together_in_any_order(limit: int) -> None:
    """A cubic lattice has 6, 12 and 8 neighbours in its first shells."""
    grid = np.stack(np.meshgrid(*[np.arange(5.0)] * 3), axis=-1).reshape(-1, 3)
    counts = []
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(grid))
        edges = neighbours_of(grid[order], Reach(radius=1.8, neighbours=limit))
        middle = int(np.flatnonzero((grid[order] == 2.0).all(axis=1))[0])
        counts.append(int((edges[:, 1] == middle).sum()))
    assert counts == [{5: 0, 6: 6, 7: 6, 17: 6, 18: 18, 26: 26}[limit]] * 3


def test_a_lone_atom_has_no_neighbour() -> None:
    assert neighbours_of(np.zeros((1, 3)), Reach()).shape == (0, 2)
    given = table([[2], WATER], [[[0, 0, 0]], PLACES])
    made = column()
    made.fit(given, np.arange(2))
    values, refusals = made.collate(made.read(given), np.arange(2))
    assert refusals == []
    assert (values.data["edges"][0] == -1).all()


def test_plain_features_are_counts_and_inverse_distances() -> None:
    given = table([WATER], [PLACES])
    made = column()
    made.fit(given, np.arange(1))
    (plain,) = made.plain(made.read(given), np.arange(1))
    row = plain.values[0]
    assert (row[0], row[7], row[:118].sum()) == (2, 1, 3)
    bond = 1 / np.hypot(0.76, 0.6)
    np.testing.assert_allclose(row[118:122], [bond, bond, 1 / 1.52, 0], rtol=1e-6)


def test_structures_are_kept_up_to_the_room_there_is() -> None:
    given = table([WATER] * 3, [PLACES, PLACES, np.array(PLACES)])
    for room, wanted in ((0, 0), (2**20, 3)):
        made = column(room=room)
        made.fit(given, np.arange(3))
        cells = made.read(given)
        made.collate(cells, np.arange(3))
        assert len(cells.found) <= wanted
        assert (len(cells.found) > 0) == (room > 0)


def test_atoms_are_counted_where_a_structure_can_be_used() -> None:
    given = table([WATER, WATER, None, [1]], [PLACES, [[0.0, 0, 0]], PLACES, [[0.0, 0, 0]]])
    made = column()
    made.fit(given, np.arange(4))
    assert made.lengths(made.read(given), np.array([3, 2, 1, 0, 0])).tolist() == [1, -1, -1, 3, 3]


def test_structures_in_memory_are_those_of_a_table() -> None:
    given, made = table([WATER], [PLACES]), column()
    made.fit(given, np.arange(1))
    wanted, _ = made.collate(made.read(given), np.arange(1))
    atoms = checked(np.array(WATER), np.array(PLACES), 10)
    found = made.values([atoms, atoms])
    assert found.index.tolist() == [0, 1]
    for name, part in wanted.data.items():
        np.testing.assert_array_equal(found.data[name][1], part[0])
