"""The contract kit: hand it a part, and it tells in a sentence which promise the part breaks.

Every member of every folder is held to these checks, and so can be a part of your own: `make_part` builds a class with
stand-in columns, the `check_…` functions raise `ContractBroken`, and the fakes make tests of a fusion, a task or a
training loop possible without a download.

>>> from polymodal.fusion import Late
>>> from polymodal.testing import check_fusion
>>> check_fusion(Late(combine="mean"))
"""

from polymodal.testing.balancing import check_balancer
from polymodal.testing.columns import check_column
from polymodal.testing.fake_tokens import fake_representation, fake_tokens
from polymodal.testing.fakes import FakeModality, FakeTask
from polymodal.testing.fusion import check_fusion
from polymodal.testing.making import check_options, make_part
from polymodal.testing.modalities import check_modality
from polymodal.testing.objectives import check_objective, example_model
from polymodal.testing.patterns import PATTERNS, missing_pattern
from polymodal.testing.sharing import check_sharing
from polymodal.testing.tasks import check_task, example_targets
from polymodal.testing.verdict import ContractBroken

__all__ = [
    "PATTERNS",
    "ContractBroken",
    "FakeModality",
    "FakeTask",
    "check_balancer",
    "check_column",
    "check_fusion",
    "check_modality",
    "check_objective",
    "check_options",
    "check_sharing",
    "check_task",
    "example_model",
    "example_targets",
    "fake_representation",
    "fake_tokens",
    "make_part",
    "missing_pattern",
]
