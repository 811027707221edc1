import pytest

from polymodal.testing import PATTERNS, missing_pattern


@pytest.mark.parametrize("modalities", [1, 2, 3])
def test_each_row_keeps_one(missing, modalities, request):
    held = missing(12, modalities)
    assert held.shape == (12, modalities)
    assert held.any(axis=1).all() or "bare" in request.node.name


@pytest.mark.parametrize("name", PATTERNS[1:])
def test_something_is_missing(name):
    assert not missing_pattern(name, 12, 3).all()


def test_what_the_names_say():
    assert missing_pattern("complete", 5, 3).all()
    assert (missing_pattern("single", 12, 3).sum(axis=1) == 1).all()
    assert not missing_pattern("dark", 12, 3)[:, 0].any()
    assert not missing_pattern("bare", 12, 3).any(axis=1).all()


def test_the_same_seed_draws_the_same():
    assert (missing_pattern("scattered", 9, 3, seed=4) == missing_pattern("scattered", 9, 3, seed=4)).all()


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="scattered"):
        missing_pattern("scatterd", 3, 3)
