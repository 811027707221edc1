"""What a model learns beside its tasks, or before them: losses that need no label of a task.

An objective goes into the section `objectives` of a spec. `polymodal pretrain` trains by objectives alone, `fit` by
tasks and objectives together. `info_nce` and `siglip` are the tiled losses, for use on their own.

To add an objective: one file here, a test, and a name in the list below.
"""

from polymodal.objectives.adversarial import Adversarial
from polymodal.objectives.consistency import Consistency
from polymodal.objectives.contrastive import Contrastive
from polymodal.objectives.independence import Independence
from polymodal.objectives.masked import Masked
from polymodal.objectives.matching import Matching
from polymodal.objectives.reconstruction import Reconstruction
from polymodal.objectives.rotation import Rotation
from polymodal.tasks.info_nce import info_nce
from polymodal.tasks.siglip import siglip

__all__ = [
    "Adversarial",
    "Consistency",
    "Contrastive",
    "Independence",
    "Masked",
    "Matching",
    "Reconstruction",
    "Rotation",
    "info_nce",
    "siglip",
]
