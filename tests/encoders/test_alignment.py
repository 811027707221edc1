"""What belongs together is found, however it hangs together; each modality has a place of its own in the space."""

import numpy as np
import pytest
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from polymodal.encoders.alignment import Alignment, together
from polymodal.testing import fake_tokens


@pytest.mark.parametrize("distinct", [3, 12, 40])
def test_rows_that_a_chain_of_shared_values_links_are_together(distinct: int):
    draw = np.random.default_rng(distinct)
    for _ in range(20):
        first, second = draw.integers(0, distinct, (2, 30))
        found = together(torch.from_numpy(first), torch.from_numpy(second)).numpy()
        links = coo_matrix((np.ones(30), (first, distinct + second)), shape=(2 * distinct,) * 2)
        expected = connected_components(links, directed=False)[1][first]
        np.testing.assert_array_equal(found[:, None] == found, expected[:, None] == expected)
        assert all(found[row] == np.flatnonzero(expected == expected[row])[0] for row in range(30))


def test_a_long_chain_is_followed_to_its_end():
    rows = torch.arange(200)
    order = torch.randperm(200)
    assert (together(((rows + 1) // 2)[order], (rows // 2)[order]) == 0).all()
    assert together(rows, rows).tolist() == rows.tolist()
    assert together(rows[:0], rows[:0]).shape == (0,)


def test_a_row_stands_on_the_unit_sphere_or_nowhere():
    tokens = {"image": fake_tokens(9, 4, 8), "text": fake_tokens(9, 3, 8, seed=1)}
    places = Alignment(["image", "text", "sound"], 8, 5).eval()(tokens)
    assert places.keys() == {"image", "text"}
    for name, place in places.items():
        assert place.shape == (9, 5)
        torch.testing.assert_close(place.norm(dim=1), tokens[name].present.float())


def test_each_modality_has_a_map_of_its_own_and_sees_no_other():
    tokens = {"image": fake_tokens(9, 4, 8, absent=0), "text": fake_tokens(9, 4, 8, absent=0)}
    net = Alignment(["image", "text"], 8, 5).eval()
    places = net(tokens)
    assert not torch.allclose(places["image"], places["text"])
    assert torch.equal(net({"image": tokens["image"]})["image"], places["image"])
    alone = net({"image": tokens["image"].gather(torch.tensor([3]))})["image"]
    torch.testing.assert_close(alone, places["image"][3:4])


@pytest.mark.parametrize("space", [8, 20])
def test_maps_start_without_flattening_an_axis(space: int):
    for each in Alignment(["a", "b"], 20, space).maps.values():
        torch.testing.assert_close(torch.linalg.svdvals(each.weight.detach()), torch.ones(space))
