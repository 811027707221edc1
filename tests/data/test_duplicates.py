import numpy as np
import pandas as pd

from polymodal.data.duplicates import repeated_rows
from polymodal.data.tables import from_frame


def test_rows_of_measurements_that_repeat_are_copies():
    values = np.random.default_rng(0).normal(size=(50, 4))
    values[7] = values[31]
    keys = repeated_rows(from_frame(values), list("0123"))
    assert np.flatnonzero(keys >= 0).tolist() == [7, 31]
    assert keys[7] == keys[31]


def test_rows_of_yes_and_no_are_alike_by_chance():
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({name: generator.choice(["yes", "no"], 200) for name in "abc"})
    assert (repeated_rows(from_frame(frame), list("abc")) < 0).all()


def test_a_long_text_that_repeats_is_a_copy_and_a_short_one_is_not():
    texts = [f"note number {place} about the same dress and its colour" for place in range(40)]
    texts[3] = texts[5]
    texts[8] = texts[9] = "Love it!"
    keys = repeated_rows(from_frame(pd.DataFrame({"text": texts})), ["text"])
    assert np.flatnonzero(keys >= 0).tolist() == [3, 5]


def test_rows_without_any_value_are_no_copies():
    frame = pd.DataFrame({"a": [None] * 20 + ["x"], "b": [np.nan] * 21})
    assert (repeated_rows(from_frame(frame), ["a", "b"]) < 0).all()
    assert (repeated_rows(from_frame(frame), []) < 0).all()


def test_pictures_in_memory_take_no_part():
    pictures = pd.Series([np.zeros((2, 2))] * 4, dtype=object)
    frame = pd.DataFrame({"picture": pictures, "word": ["a", "b", "c", "d"]})
    assert (repeated_rows(from_frame(frame), ["picture", "word"]) < 0).all()
