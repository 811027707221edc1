"""Byte pairs: any text has codes, and the codes give it back."""

import json

from hypothesis import given
from hypothesis import strategies as st

from polymodal.data.bytepair import BYTES, BytePair

TEXTS = ["low lower lowest", "new newer newest", "wide wider widest"] * 3


def learned(size: int = 320, fold: bool = False) -> BytePair:
    tokeniser = BytePair(size, fold)
    tokeniser.fit(TEXTS)
    return tokeniser


@given(st.text())
def test_any_text_comes_back(text: str) -> None:
    tokeniser = learned()
    codes = tokeniser.encode(text)
    assert all(BYTES <= code < len(tokeniser) for code in codes)
    assert tokeniser.decode(codes) == text


def test_frequent_pieces_become_one_code() -> None:
    tokeniser = learned()
    assert len(tokeniser.encode("lower")) < len(tokeniser.encode("xqzvk"))
    assert len(tokeniser) <= 320
    assert [tokeniser.decode([code]) for code in tokeniser.encode("low newest")] == ["low", " newest"]


def test_the_order_of_texts_does_not_matter() -> None:
    other = BytePair(320, fold=False)
    other.fit(reversed(TEXTS))
    assert other.state() == learned().state()


def test_merges_are_counted_after_the_ones_before() -> None:
    tokeniser = BytePair(BYTES + 256 + 2, fold=False)
    tokeniser.fit(["aaab aaab"])
    a, b = BYTES + ord("a"), BYTES + ord("b")
    assert tokeniser.merges == [(a, a), (BYTES + 256, a)] or tokeniser.merges[0] == (a, a)
    assert tokeniser.decode(tokeniser.encode("aaab")) == "aaab"
    assert b < BYTES + 256


def test_the_state_is_json_and_comes_back() -> None:
    tokeniser, again = learned(fold=True), BytePair()
    again.restore(json.loads(json.dumps(tokeniser.state())))
    assert again.encode("The Lowest Été") == tokeniser.encode("The Lowest Été")
    assert again.decode(again.encode("ÉTÉ")) == "été"


def test_a_word_without_end_is_no_trouble() -> None:
    assert len(learned().encode("x" * 200_000)) == 200_000
