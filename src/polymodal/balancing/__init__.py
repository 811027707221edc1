"""How several losses become one step. One file is one method, and all a method sees are losses and their Gramian.

>>> import torch
>>> from polymodal.balancing import Equal
>>> Equal().weights(torch.tensor([0.5, float("nan")]), None).tolist()
[1.0, 0.0]
"""

from polymodal.balancing.base import Balancer
from polymodal.balancing.equal import Equal
from polymodal.balancing.uncertainty import Uncertainty

__all__ = ["Balancer", "Equal", "Uncertainty"]
