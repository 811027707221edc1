"""How much of the way to its answer each task has for itself. One file is one way; heads are always their own.

>>> from polymodal.sharing import Experts
>>> Experts(experts=3).own
0
"""

from polymodal.sharing.base import Sharing
from polymodal.sharing.branches import Branches
from polymodal.sharing.experts import Experts
from polymodal.sharing.hard import Hard

__all__ = ["Branches", "Experts", "Hard", "Sharing"]
