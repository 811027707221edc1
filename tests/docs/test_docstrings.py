"""The examples in docstrings give what they say."""

import doctest
import importlib

import pytest

from tests.architecture.source import modules

WITH_EXAMPLES = [module.name for module in modules() if ">>>" in module.text]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_of_docstrings(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    found = doctest.testmod(importlib.import_module(name), optionflags=flags)
    assert found.attempted
    assert not found.failed
