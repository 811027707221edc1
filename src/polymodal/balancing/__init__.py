"""How several losses become one step. One file is one method, and all a method sees are losses and their Gramian.

>>> import torch
>>> from polymodal.balancing import Equal
>>> Equal().weights(torch.tensor([0.5, float("nan")]), None).tolist()
[1.0, 0.0]
"""

from polymodal.balancing.aligned_mtl import AlignedMTL
from polymodal.balancing.base import Balancer
from polymodal.balancing.ca_grad import CAGrad
from polymodal.balancing.con_fig import ConFIG
from polymodal.balancing.dwa import DWA
from polymodal.balancing.equal import Equal
from polymodal.balancing.fair_grad import FairGrad
from polymodal.balancing.famo import FAMO
from polymodal.balancing.geometric_mean import GeometricMean
from polymodal.balancing.grad_norm import GradNorm
from polymodal.balancing.imtl_g import ImtlG
from polymodal.balancing.mgda import MGDA
from polymodal.balancing.nash_mtl import NashMTL
from polymodal.balancing.pc_grad import PCGrad
from polymodal.balancing.random_weights import RandomWeights
from polymodal.balancing.uncertainty import Uncertainty
from polymodal.balancing.up_grad import UPGrad

__all__ = [
    "DWA",
    "FAMO",
    "MGDA",
    "AlignedMTL",
    "Balancer",
    "CAGrad",
    "ConFIG",
    "Equal",
    "FairGrad",
    "GeometricMean",
    "GradNorm",
    "ImtlG",
    "NashMTL",
    "PCGrad",
    "RandomWeights",
    "UPGrad",
    "Uncertainty",
]
