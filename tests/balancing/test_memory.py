"""What a method remembers goes through JSON and back."""

import json

import numpy as np

from polymodal.balancing.memory import listed, unlisted


def test_numbers_and_gaps_come_back():
    values = np.array([0.1, np.nan, 1e-300])
    text = json.dumps(listed(values), allow_nan=False)
    assert text == "[0.1, null, 1e-300]"
    np.testing.assert_array_equal(unlisted(json.loads(text)), values)
    assert unlisted(listed(None)) is None
