"""The yardsticks themselves measure right."""

import ast

import pytest

from tests.architecture.source import body_lines, depth
from tests.architecture.test_manners import forbidden, is_mask


def function(body: str) -> ast.FunctionDef:
    lines = "\n".join("    " + line for line in body.splitlines())
    return ast.parse(f"def f(x):\n{lines}").body[0]


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("return x", 0),
        ("if x:\n    return 1", 1),
        ("if x:\n    pass\nelif x:\n    pass\nelif x:\n    pass", 1),
        ("for y in x:\n    if y:\n        return 1\n    else:\n        with y:\n            return 2", 3),
        ("for y in x:\n    def g(z):\n        for w in z:\n            return w", 1),
    ],
)
def test_depth(body, wanted):
    assert depth(function(body)) == wanted


def test_a_docstring_is_no_body():
    assert body_lines(function('"""Say\n\n    what.\n    """\nreturn x')) == 1


@pytest.mark.parametrize("text", ["mask", "key_mask", "t.mask", "mask.float()", "t.mask[:, None].to(x.dtype)"])
def test_masks_are_seen(text):
    assert is_mask(ast.parse(text, mode="eval").body)


@pytest.mark.parametrize("text", ["softmax(logits, mask)", "masked", "mask_rate", "x.sum()", "-mask_count"])
def test_what_is_no_mask(text):
    assert not is_mask(ast.parse(text, mode="eval").body)


@pytest.mark.parametrize(
    "text", ["import pickle", "from joblib import load", "eval('1')", "torch.load(p)", "np.load(p, allow_pickle=True)"]
)
def test_what_is_forbidden_is_found(text):
    assert any(forbidden(node) for node in ast.walk(ast.parse(text)))


@pytest.mark.parametrize("text", ["model.eval()", "np.load(p, allow_pickle=False)", "re.compile(p)", "import json"])
def test_what_is_allowed_passes(text):
    assert not any(forbidden(node) for node in ast.walk(ast.parse(text)))
