"""The senses. One file is one modality: how it is read, encoded, perturbed, corrupted and attacked.

A modality is described first and fitted later, on training rows only. Nothing outside this folder knows one by name, so
a new one is a file, a test and a line here.

>>> from polymodal.modalities import Table
>>> Table(columns=["age", "csf_*"]).encoder
'auto'
"""

from polymodal.modalities.audio import Audio
from polymodal.modalities.base import Budget, Modality, Parts
from polymodal.modalities.embedding import Embedding
from polymodal.modalities.image import Image
from polymodal.modalities.molecule import Molecule
from polymodal.modalities.omics import Omics
from polymodal.modalities.protein import Protein
from polymodal.modalities.signal import Signal
from polymodal.modalities.structure import Structure
from polymodal.modalities.table import Table
from polymodal.modalities.text import Text
from polymodal.modalities.tissue import Tissue
from polymodal.modalities.video import Video
from polymodal.modalities.volume import Volume

__all__ = [
    "Audio",
    "Budget",
    "Embedding",
    "Image",
    "Modality",
    "Molecule",
    "Omics",
    "Parts",
    "Protein",
    "Signal",
    "Structure",
    "Table",
    "Text",
    "Tissue",
    "Video",
    "Volume",
]
