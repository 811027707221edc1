"""Ways to bring modalities together. One file is one way; each takes the tokens of whatever is present.

`Late` lets each modality decide for itself, `Intermediate` joins pooled vectors, `Early` lets all tokens see each
other, `Bottleneck` lets them talk through a few shared tokens. None of them fills in what is absent.

>>> from polymodal.fusion import Late
>>> fusion = Late(combine="mean")
>>> fusion.build(["scan", "note"], width=16)
>>> fusion.views
2
"""

from polymodal.fusion.base import Fusion
from polymodal.fusion.bottleneck import Bottleneck
from polymodal.fusion.early import Early
from polymodal.fusion.intermediate import Intermediate
from polymodal.fusion.late import Late

__all__ = ["Bottleneck", "Early", "Fusion", "Intermediate", "Late"]
