"""What spots express, although sections measured different genes."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy import sparse

from polymodal.core.seeding import numpy_generator
from polymodal.data.expression import RAREST, WILDEST, Expression, logged, some_spots, totals


def drawn(spots=300, genes=60, seed=0):
    """Counts of genes in two programmes, and the names of the genes."""
    draw = numpy_generator(seed, "expression")
    programme = draw.normal(size=(spots, 2)) @ draw.normal(size=(2, genes))
    names = np.array([f"G{gene:02}" for gene in range(genes)], dtype=object)
    return names, sparse.csr_matrix(draw.poisson(np.exp(1 + programme)).astype(np.float32))


def test_counts_become_logarithms_of_counts_at_one_depth():
    counts = sparse.csr_matrix(np.array([[1, 3, 0], [0, 0, 0], [5, 0, 5]], dtype=np.float32))
    found = logged(counts, depth=8).toarray()
    np.testing.assert_allclose(found[0], np.log1p([2, 6, 0]), rtol=1e-6)
    assert totals(counts).tolist() == [4, 0, 10]
    assert found[1].tolist() == [0, 0, 0]
    assert logged(counts, "logged") is counts


def test_genes_are_matched_by_name_and_not_by_place():
    names, counts = drawn()
    learned = Expression.learn([(names, logged(counts))], None, 5)
    order = numpy_generator(1, "order").permutation(len(names))
    one, other = learned.told(names, logged(counts)), learned.told(names[order], logged(counts[:, order]))
    np.testing.assert_allclose(one, other, atol=1e-4)


def test_only_genes_that_all_training_sections_measured_are_kept():
    names, counts = drawn()
    rows = logged(counts)
    learned = Expression.learn([(names[:40], rows[:, :40]), (names[20:][::-1], rows[:, 20:][:, ::-1])], None, None)
    assert list(learned.names) == names[20:40].tolist()
    few = Expression.learn([(names, rows)], 7, None)
    assert len(few.names) == 7
    assert few.size == 7
    assert Expression.learn([(names[:5], rows[:, :5]), (names[5:], rows[:, 5:])], None, None).names == ()


def test_a_gene_that_was_not_measured_is_unknown_and_never_zero():
    names, counts = drawn()
    rows = logged(counts)
    learned = Expression.learn([(names, rows)], None, None)
    found = learned.told(names[10:], rows[:, 10:])
    assert np.isnan(found[:, :10]).all()
    np.testing.assert_allclose(found[:, 10:].mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(found[:, 10:].std(axis=0), 1, atol=1e-3)


def test_coordinates_without_some_genes_are_near_those_with_all():
    """Against what follows where the genes that were not measured count as zero."""
    names, counts = drawn()
    rows = logged(counts)
    learned = Expression.learn([(names, rows)], None, 2)
    whole, part = learned.told(names, rows), learned.told(names[20:], rows[:, 20:])
    zero = np.asarray(rows[:, 20:] @ np.asarray(learned.basis)[20:]) - np.asarray(learned.centre)
    missed, guessed = ((found - whole).__pow__(2).sum() / (whole**2).sum() for found in (zero, part))
    assert guessed < 0.1
    assert guessed < missed / 4
    assert learned.measures(names[20:]) == 40


def test_with_no_gene_known_coordinates_are_the_mean():
    names, counts = drawn()
    learned = Expression.learn([(names, logged(counts))], None, 3)
    found = learned.told(np.array(["other"], dtype=object), sparse.csr_matrix(np.ones((4, 1), dtype=np.float32)))
    np.testing.assert_allclose(found, 0, atol=1e-6)


def test_wild_numbers_are_cut_off():
    names, counts = drawn()
    wild = sparse.csr_matrix(np.full((1, len(names)), 1e9, dtype=np.float32))
    by_gene, told = (Expression.learn([(names, logged(counts))], None, many) for many in (None, 3))
    assert np.abs(by_gene.told(names, wild)).max() == RAREST
    far = replace(told, basis=(10.0 * np.asarray(told.basis)).tolist())
    assert np.abs(far.told(names, wild)).max() == WILDEST


def test_a_gene_seen_in_one_spot_decides_no_direction():
    """It has as much variance as any other, all of it in one place."""
    names, counts = drawn()
    rare = counts.tolil()
    rare[:, 0], rare[7, 0] = 0, 50
    learned = Expression.learn([(names, logged(rare.tocsr()))], None, 2)
    weights = np.abs(np.asarray(learned.basis))
    assert weights[0].max() < 0.2 * weights.max()


def test_parts_of_a_large_section_are_told_as_the_whole(monkeypatch):
    names, counts = drawn()
    rows = logged(counts)
    learned = Expression.learn([(names, rows)], None, 4)
    whole = learned.told(names, rows)
    monkeypatch.setattr("polymodal.data.expression.ROOM", 7 * len(names))
    np.testing.assert_allclose(learned.told(names, rows), whole, atol=1e-5)


def test_what_was_learned_is_plain_data():
    names, counts = drawn()
    learned = Expression.learn([(names, logged(counts))], 30, 4)
    again = Expression(**json.loads(json.dumps(asdict(learned))))
    np.testing.assert_array_equal(again.told(names, logged(counts)), learned.told(names, logged(counts)))


@pytest.mark.parametrize(("most", "found"), [(10, 10), (300, 300), (1000, 300)])
def test_some_spots(most, found):
    rows = drawn()[1]
    assert some_spots(rows, most, 0).shape[0] == found
    np.testing.assert_array_equal(some_spots(rows, most, 0).toarray(), some_spots(rows, most, 0).toarray())
