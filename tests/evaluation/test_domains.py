"""Domains without labels: what is expected of a spot comes from its surroundings, and parts of a section are found."""

import numpy as np
import torch

from polymodal.core import Values
from polymodal.core.seeding import numpy_generator
from polymodal.data.sections import Section, write_section
from polymodal.data.tables import from_frame
from polymodal.evaluation.domains import agreement, averaged, domains, expected, matched, parted, smoothed
from polymodal.fusion import Late
from polymodal.modalities import Tissue
from polymodal.model import Model

SIDE = 14


def section():
    """A square of spots, the upper half of which expresses another programme than the lower half, and the halves."""
    from scipy import sparse

    draw = numpy_generator(0, "domains")
    places = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij"), -1).reshape(-1, 2).astype(float)
    upper = places[:, 0] < SIDE / 2
    level = np.where(upper[:, None] == (np.arange(40) < 20), 2.0, 1.2)
    counts = sparse.csr_matrix(draw.poisson(level).astype(np.float32))
    names = [
        np.array([f"{kind}{place}" for place in range(count)], dtype=object)
        for kind, count in (("S", len(places)), ("G", 40))
    ]
    return Section(*names, counts, places), upper


def read(layers):
    """The model, the values and the places of that section."""
    import pandas as pd

    whole, upper = section()
    table = from_frame(pd.DataFrame({"section": pd.Series([write_section(whole)], dtype=object)}))
    tissue = Tissue("section", genes="all", directions=6, layers=layers, hide=0.0, turn=False)
    tissue.reader.fit(table, np.arange(1))
    values, refused = tissue.reader.collate(tissue.reader.read(table), np.arange(1))
    assert not refused
    torch.manual_seed(0)
    return Model({"section": tissue}, {}, Late(), 16), values, upper


def test_what_is_expected_of_a_spot_does_not_come_from_the_spot_itself():
    model, values, _ = read(layers=2)
    held, told = expected(model, "section", values, seed=1)
    changed = values.data["genes"].clone()
    changed[0, 50] += 3.0
    other = Values({**values.data, "genes": changed}, values.index)
    model.encoders["section"].eval()
    hidden = values.data["genes"].clone()
    hidden[0, 50] = torch.nan
    one, two = (
        model.encoders["section"]({**part, "genes": hidden}).values[0, 50] for part in (values.data, other.data)
    )
    assert torch.equal(one, two)
    assert held.shape == told.shape == (SIDE * SIDE, 6)
    assert np.isfinite(told).all()


def test_without_space_every_spot_is_expected_to_hold_the_same():
    model, values, _ = read(layers=0)
    _, told = expected(model, "section", values)
    assert np.ptp(told, axis=0).max() < 1e-3


def test_the_same_seed_gives_the_same_and_nothing_is_learned():
    model, values, _ = read(layers=2)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    one, two = expected(model, "section", values, 3)[1], expected(model, "section", values, 3)[1]
    np.testing.assert_array_equal(one, two)
    assert all(torch.equal(before[name], weight) for name, weight in model.state_dict().items())


def test_a_spot_without_genes_is_expected_by_its_neighbours_alone():
    model, values, _ = read(layers=2)
    values.data["genes"][0, 7] = torch.nan
    held, told = expected(model, "section", values)
    assert np.isnan(held[7]).all()
    assert np.isfinite(told[7]).all()
    assert len(np.unique(domains(held, told, 2))) == 2


def test_two_halves_are_found():
    model, values, upper = read(layers=2)
    labels = smoothed(domains(*expected(model, "section", values), 2), values.data["places"][0])
    alike = np.mean(labels == upper)
    assert max(alike, 1 - alike) > 0.9
    again, plain = parted(model, "section", values, 2)
    np.testing.assert_array_equal(again, labels)
    assert agreement(upper.astype(str), plain) > 0.5


def test_a_lone_label_gives_way_to_its_surroundings():
    places = np.stack(np.meshgrid(np.arange(5.0), np.arange(5.0)), -1).reshape(-1, 2)
    labels = np.zeros(25, dtype=int)
    labels[12], labels[:5] = 2, 1
    found = smoothed(labels, places, radius=1.1)
    assert found[12] == 0
    assert found[:5].tolist() == [1] * 5
    assert smoothed(labels, places, radius=0.5).tolist() == labels.tolist()


def test_the_mean_of_what_lies_around():
    places = np.array([[0.0, 0.0], [0.0, 1.0], [5.0, 5.0]])
    held = np.array([[1.0, 0.0], [3.0, 2.0], [7.0, 7.0]])
    np.testing.assert_array_equal(averaged(held, places), [[2.0, 1.0], [2.0, 1.0], [7.0, 7.0]])


def test_agreement_is_over_places_with_a_label():
    drawn = np.array(["a", "a", "b", "b", "", ""])
    assert agreement(drawn, np.array([1, 1, 0, 0, 0, 1])) == 1.0
    assert agreement(drawn, np.array([0, 1, 0, 1, 0, 0])) < 0


def test_a_domain_gets_the_name_that_it_shares_most_places_with():
    drawn = np.array(["a", "a", "a", "b", "b", ""])
    assert matched(np.array([1, 1, 0, 0, 0, 1]), drawn, ["a", "b"]).tolist() == ["a", "a", "b", "b", "b", "a"]
    assert matched(np.array([2, 2, 2, 0, 0, 1]), drawn, ["a", "b", "c"]).tolist() == ["a", "a", "a", "b", "b", "c"]
