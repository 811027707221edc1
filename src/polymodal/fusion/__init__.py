"""Ways to bring modalities together. One file is one way; each takes the tokens of whatever is present.

`Late` lets each modality decide for itself and is the default, `Early` lets all tokens see each other, `CrossAttention`
and `CoAttention` let modalities look at one another. `Bottleneck`, `Film`, `Gated` and `Intermediate` are experimental:
in the comparison of all fusions none of them is ever level with the best. None fills in what is absent.

>>> from polymodal.fusion import Late
>>> fusion = Late(combine="mean")
>>> fusion.build(["scan", "note"], width=16)
>>> fusion.views
2
"""

from polymodal.fusion.base import Fusion
from polymodal.fusion.bottleneck import Bottleneck
from polymodal.fusion.co_attention import CoAttention
from polymodal.fusion.cross_attention import CrossAttention
from polymodal.fusion.early import Early
from polymodal.fusion.film import Film
from polymodal.fusion.gated import Gated
from polymodal.fusion.intermediate import Intermediate
from polymodal.fusion.late import Late
from polymodal.fusion.low_rank_tensor import LowRankTensor
from polymodal.fusion.mixture_of_experts import MixtureOfExperts
from polymodal.fusion.perceiver import Perceiver
from polymodal.fusion.product_of_experts import ProductOfExperts

__all__ = [
    "Bottleneck",
    "CoAttention",
    "CrossAttention",
    "Early",
    "Film",
    "Fusion",
    "Gated",
    "Intermediate",
    "Late",
    "LowRankTensor",
    "MixtureOfExperts",
    "Perceiver",
    "ProductOfExperts",
]
