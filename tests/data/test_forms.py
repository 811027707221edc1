"""Forms: what numbers a document becomes, and that they come back from JSON."""

import json

import numpy as np
import pyarrow as pa
import pytest
import torch

from polymodal.data import forms
from polymodal.data.forms import BORDER, OWN, Form, GramForm, PieceForm

DOCUMENTS = [f"{title}{BORDER}{body}" for title, body in (("Red", "a red shoe fits"), ("", "blue shoe"), ("Red", ""))]
ARROW = pa.array(DOCUMENTS, pa.large_string())
MAKERS = [lambda: GramForm(2, 200, rank=2), lambda: PieceForm(300)]


@pytest.mark.parametrize("make", MAKERS)
def test_the_state_is_json_and_comes_back(make) -> None:
    form, again = make(), make()
    form.fit(DOCUMENTS)
    again.restore(json.loads(json.dumps(form.state())))
    assert again.state() == form.state()
    for name, part in chosen(form, [0, 1, 2]).items():
        assert torch.equal(part, chosen(again, [0, 1, 2])[name])


@pytest.mark.parametrize("make", MAKERS)
def test_a_document_is_the_same_in_any_company(make) -> None:
    form = make()
    form.fit(DOCUMENTS)
    together, alone = chosen(form, [2, 0, 1]), chosen(form, [1])
    for name, part in alone.items():
        assert torch.equal(together[name][2, : part.shape[1]], part[0])
    assert all(len(part) == 0 for part in chosen(form, []).values())


def test_weights_made_at_once_are_those_made_for_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    form = GramForm(2, 200)
    form.fit(DOCUMENTS)
    at_once = chosen(form, [0, 2])
    monkeypatch.setattr(forms, "HELD", 0)
    for name, part in chosen(form, [0, 2]).items():
        torch.testing.assert_close(part, at_once[name])


def test_a_column_of_few_words_has_n_grams_of_its_own() -> None:
    form = GramForm(2, 200)
    form.fit(DOCUMENTS)
    assert [place for place, _ in form.blocks] == [-1, 0]
    weights = form.weigh(DOCUMENTS)
    whole = len(form.blocks[0][1])
    assert weights[1, whole:].nnz == 0
    lengths = [np.sqrt((block.toarray() ** 2).sum()) for block in (weights[0, :whole], weights[0, whole:])]
    assert lengths == pytest.approx([2**0.5, 2**0.5 * OWN], rel=1e-5)


def test_documents_without_a_word_still_make_tensors() -> None:
    form = GramForm(1)
    form.fit(["...", "!"])
    assert form.basis.shape == (1, 1)
    parts = form.parts(form.prepare(pa.array(["?"], pa.large_string())), np.array([0]))
    assert (parts["grams"] == -1).all()


def chosen(form: Form, rows: list[int]) -> dict[str, torch.Tensor]:
    return form.parts(form.prepare(ARROW), np.array(rows, dtype=np.int64))
