"""N-gram vocabularies: what counts as a word, what is kept, and that nothing depends on the company of a text."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from polymodal.data import ngrams
from polymodal.data.ngrams import Vocabulary, Words, chunks

TEXTS = ["The red shoe, the RED bag!", "a blue bag", "", "don’t don't", "très été", "red"]


def fitted(texts: list[str], size: int = 1 << 12) -> Vocabulary:
    vocabulary = Vocabulary(size)
    vocabulary.fit(texts)
    return vocabulary


def test_words_fold_case_and_compatibility_forms_and_keep_accents() -> None:
    words = Words.of(["Shoe SHOE ﬁne fine", "don’t don't dont", "été ete"])
    per_text = [words.code[words.row == row] for row in range(3)]
    assert [len(set(codes.tolist())) for codes in per_text] == [2, 1, 2]


def test_scripts_without_spaces_and_emoji_are_cut_into_signs() -> None:
    assert [len(Words.of([text]).row) for text in ("很好", "ひらがな", "😀😀 ok", "हिन्दी भाषा", "x_1")] == [
        2,
        4,
        3,
        2,
        2,
    ]


def test_weights_are_those_of_scikit_learn() -> None:
    texts = ["the red shoe the RED bag", "a blue bag a blue", "", "été 2 blue blue shoes"]
    own = fitted(texts)
    size = len(own.words.hashes)
    weights = own.transform(texts)
    words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b")
    groups = TfidfVectorizer(sublinear_tf=True, ngram_range=(3, 5), analyzer="char_wb")
    for reference, part in ((words, weights[:, :size]), (groups, weights[:, size:])):
        wanted = reference.fit_transform(texts)
        assert part.shape == wanted.shape
        np.testing.assert_allclose((part @ part.T).toarray(), (wanted @ wanted.T).toarray(), atol=1e-5)


@given(st.lists(st.text(max_size=30), min_size=1, max_size=6))
def test_a_text_has_the_same_weights_in_any_company(texts: list[str]) -> None:
    vocabulary = fitted([*TEXTS, *texts])
    together = vocabulary.transform(texts)
    alone = [vocabulary.transform([text]) for text in texts]
    assert np.isfinite(together.data).all()
    for row, part in enumerate(alone):
        np.testing.assert_allclose(together[row].toarray(), part.toarray(), atol=1e-6)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = TEXTS * 20
    whole = fitted(texts)
    wanted = whole.transform(texts)
    monkeypatch.setattr(ngrams, "CHUNK", 40)
    assert len(list(chunks(texts))) > 5
    assert [text for chunk in chunks(texts) for text in chunk] == texts
    parts = fitted(texts)
    assert parts.state() == whole.state()
    np.testing.assert_allclose(parts.transform(texts).toarray(), wanted.toarray(), atol=1e-6)


def test_neither_family_crowds_the_other_out_and_rare_ones_go() -> None:
    texts = [f"word{number} common thing" for number in range(60)]
    vocabulary = fitted(texts, size=20)
    assert len(vocabulary.words.hashes) == 3  # common, thing, and the pair of them
    assert len(vocabulary.groups.hashes) == 10
    assert vocabulary.words.documents.min() == 60


def test_the_state_is_json_and_comes_back() -> None:
    vocabulary, again = fitted(TEXTS), Vocabulary()
    again.restore(json.loads(json.dumps(vocabulary.state())))
    np.testing.assert_array_equal(vocabulary.transform(TEXTS).toarray(), again.transform(TEXTS).toarray())
    assert max(vocabulary.state()["words"]["hashes"]) < 2**53


def test_texts_without_words_and_an_empty_vocabulary_do_no_harm() -> None:
    nothing = fitted(["", "...", "\x00"])
    assert len(nothing) == 0
    assert nothing.transform(["some text", ""]).shape == (2, 0)
    assert fitted(TEXTS).transform(["", "!?", "\x00", "\ud800"]).nnz == 0
