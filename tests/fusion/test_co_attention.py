"""Who looks at whom is listed, and nobody else is seen."""

import pytest
import torch

from polymodal.core import UsageProblem
from polymodal.fusion import CoAttention
from polymodal.testing import fake_tokens

NAMES = ("labs", "note", "scan")


def built(pairs: list[tuple[str, str]] | None) -> CoAttention:
    fusion = CoAttention(layers=1, pairs=pairs, heads=2)
    fusion.build(NAMES, 8)
    return fusion.eval()


@pytest.mark.parametrize(
    ("pairs", "seen"),
    [
        (None, {"note", "scan"}),
        ([("labs", "note")], {"note"}),
        ([("scan", "labs")], {"scan"}),
        ([("note", "scan")], set()),
    ],
)
def test_only_listed_partners_are_seen(pairs: list[tuple[str, str]] | None, seen: set[str]) -> None:
    fusion = built(pairs)
    given = {name: fake_tokens(6, 3, 8, seed=place, absent=0.0) for place, name in enumerate(NAMES)}
    before = fusion(given).tokens["labs"].values
    for other in ("note", "scan"):
        changed = given | {other: fake_tokens(6, 3, 8, seed=9, absent=0.0)}
        assert torch.allclose(fusion(changed).tokens["labs"].values, before) is (other not in seen)


def test_a_pair_of_an_unknown_modality_is_named() -> None:
    with pytest.raises(UsageProblem, match="scans") as caught:
        built([("labs", "scans")])
    assert 'did you mean "scan"' in str(caught.value)
