"""Facts that the set is relied on for."""

import lzma

import numpy as np
import pandas as pd
import pytest

from polymodal.core.seeding import numpy_generator
from polymodal.data.residues import RESIDUES
from polymodal.data.sets.protein import FLIP_TEST, SET, TABLE, alike

DRAW = numpy_generator(0, "chains")
CHAINS = ["".join(DRAW.choice(list(RESIDUES), 40)) for _ in range(40)]


def packed(path, entries):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(lzma.compress("".join(f">{header}\n{text}\n" for header, text in entries).encode()))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Chains of FLIP, two of CB513 in three rows, and bound chains; some are the same, or half of one another."""
    folder = tmp_path_factory.mktemp("protein")
    flip = [*CHAINS[:6], CHAINS[10], CHAINS[11][:30], CHAINS[20], CHAINS[30]]
    parts = ["train"] * 4 + ["validation", "test"] + ["train"] * 4
    said = [
        f"c{at} SET={'test' if p == 'test' else 'train'} VALIDATION={p == 'validation'}" for at, p in enumerate(parts)
    ]
    name = "flip_secondary_structure"
    packed(folder / f"{name}/sequences.fasta.xz", [(f"c{at}", chain) for at, chain in enumerate(flip)])
    packed(
        folder / f"{name}/mask.fasta.xz", [(f"c{at}", "0" + "1" * (len(chain) - 1)) for at, chain in enumerate(flip)]
    )
    packed(
        folder / f"{name}/sampled.fasta.xz",
        [(header, "C" * len(chain)) for header, chain in zip(said, flip, strict=True)],
    )
    # Conserved: one of structure that trains, one that chooses there, one that FLIP tests on, two of its own. Tested:
    # one that trains on structure, and one without a relative.
    told = {0: "train", 4: "train", 5: "train", 13: "train", 14: "validation", 1: "test", 15: "test"}
    packed(folder / "flip_conservation/sequences.fasta.xz", [(f"k{at}", CHAINS[at]) for at in [*told, 16]])
    heads = [f"k{at} SET={'test' if p == 'test' else 'train'} VALIDATION={p == 'validation'}" for at, p in told.items()]
    packed(folder / "flip_conservation/sampled.fasta.xz", [(head, "9" * 40) for head in heads])
    rows = [(CHAINS[10], "1.0 " * 20 + "0.0 " * 20), (CHAINS[10], "0.0 " * 20 + "1.0 " * 20), (CHAINS[11], "1.0 " * 40)]
    lines = [f"{' '.join(chain)}, {'H ' * 40}, {'G ' * 40}, {'1.0 ' * 40}, {mask}" for chain, mask in rows]
    lines.append(f"{' '.join(CHAINS[12])}, {'H ' * 40}, {'G ' * 40}, {'1.0 ' * 40}, {'0.0 ' * 40}")
    (folder / "cb513.csv").write_text("input, dssp3, dssp8, disorder, cb513_mask\n" + "\n".join(lines) + "\n")
    bound = [CHAINS[10], *CHAINS[20:40]]
    frame = {"id": [f"b{at}" for at in range(len(bound))], "seq": bound, "q8": ["S" * 40] * len(bound)}
    frame |= {"acc": ["1"] * len(bound), "rsa": [",".join(["0.5"] * 40)] * len(bound), "breaks": [""] * len(bound)}
    pd.DataFrame(frame).to_csv(folder / "bm5_ss_rsa.tsv", sep="\t", index=False)
    SET.prepare(folder, folder)
    return folder


def test_chains_that_share_half_of_their_pieces_are_one_cluster():
    one = CHAINS[0]
    made = alike([one, one[5:], CHAINS[1], one[:20] + CHAINS[1][20:], "MK", "MK", "MV", "X" * 40])
    assert made[0] == made[1]
    assert made[4] == made[5]
    assert len({made[0], made[2], made[4], made[6], made[7]}) == 5
    assert made[3] not in {made[0], made[2]}  # 13 of 33 pieces of either


def test_no_cluster_has_rows_in_two_parts(source):
    table = pd.read_parquet(source / TABLE)
    assert table.groupby("cluster")["part"].nunique().max() == 1
    assert not {"c6", "c7", "b0"} & set(table["id"])  # one of CB513, a part of one, and the same among the bound
    held = set(table.loc[(table["source"] == "BM5") & (table["part"] == "test"), "cluster"])
    assert len(held) == 4  # a quarter of 21 clusters, one of which CB513 has
    assert not held & set(table.loc[table["part"] != "test", "cluster"])


def test_a_domain_is_scored_once_and_rows_without_one_are_left_out(source):
    table = pd.read_parquet(source / TABLE)
    tested = table[table["source"] == "CB513"]
    assert tested["scored"].tolist() == ["1" * 20 + "0" * 20, "0" * 20 + "1" * 20, "1" * 40]
    assert (tested["fold"] == "H" * 40).all()
    assert tested["access"].isna().all()


def test_the_test_of_flip_is_a_table_of_its_own(source):
    assert pd.read_parquet(source / FLIP_TEST)["id"].tolist() == ["c5"]
    table = pd.read_parquet(source / TABLE)
    assert "c5" not in set(table["id"])
    assert table.set_index("id").loc["c4", "part"] == "validation"
    assert table.set_index("id").loc["c0", "scored"] == "0" + "1" * 39


def test_conservation_joins_its_chain_and_is_tested_where_nothing_is_alike(source):
    table = pd.read_parquet(source / TABLE).set_index("id")
    known = table[table["conserved"].notna()]
    assert known["part"].to_dict() == {
        "c0": "train", "c4": "validation", "k13 conserved": "train", "k14 conserved": "validation",
        "k15 conserved": "test",
    }  # fmt: skip
    assert (known["conserved"] == "9" * 40).all()
    assert known.loc["k15 conserved", "source"] == "FLIP conservation"
    assert pd.isna(table.loc["k13 conserved", "fold"])


def test_the_published_chains(real_data, tmp_path):
    SET.prepare(real_data(SET.name), tmp_path)
    table, other = pd.read_parquet(tmp_path / TABLE), pd.read_parquet(tmp_path / FLIP_TEST)
    assert len(table) == SET.rows
    counts = table.groupby(["source", "part"]).size().to_dict()
    assert counts[("CB513", "test")] == 509
    assert counts[("FLIP", "train")] == 11_832
    assert counts[("FLIP conservation", "test")] == 112
    assert table["fold"].notna().groupby(table["source"]).sum()["FLIP"] == 10_690
    assert len(other) == 364
    assert table.groupby("cluster")["part"].nunique().max() == 1
    scored = table.loc[table["source"] == "CB513", "scored"].str.count("1").sum()
    assert scored == 83_991
    lists = table["access"].dropna().str.split(",")
    assert (lists.map(len) == table.loc[lists.index, "sequence"].map(len)).all()
    assert np.isfinite(np.concatenate(lists.tolist()).astype(float)).all()


def test_the_spec_masks_what_was_not_seen(tmp_path):
    spec = SET.describe(tmp_path, tmp_path)
    assert spec["tasks"]["fold"]["mask"] == "scored"
    assert spec["tasks"]["access"]["type"] == "token_values"
    assert spec["data"]["group"] == "cluster"
