"""Networks that know nothing of modalities: tensors in, tokens with a mask out.

>>> import torch
>>> from polymodal.core import Tokens
>>> from polymodal.encoders import Pool, Transformer
>>> words = Tokens(torch.randn(3, 7, 32), torch.arange(7) < torch.tensor([[7], [4], [0]]))
>>> pooled = Pool(32)(Transformer(32)(words))
>>> pooled.values.shape, pooled.mask.tolist()
(torch.Size([3, 1, 32]), [[True], [True], [False]])
"""

from polymodal.encoders.bag import Bag
from polymodal.encoders.clips import ClipNet
from polymodal.encoders.conditional import ConditionalBlock
from polymodal.encoders.convolution import ConvolutionBlock, ConvolutionNet, grid_centres
from polymodal.encoders.experts import MixtureOfExperts
from polymodal.encoders.hypernetwork import Hypernetwork
from polymodal.encoders.packing import Packed, pack, transform_packed
from polymodal.encoders.patches import PatchEmbedding, PatchNet
from polymodal.encoders.positions import sine_cosine
from polymodal.encoders.pretrained import PretrainedNet
from polymodal.encoders.recurrent import Recurrent
from polymodal.encoders.sequences import SequenceNet
from polymodal.encoders.transformer import Pool, SelfAttention, Transformer, TransformerBlock
from polymodal.encoders.vectors import VectorNet

__all__ = [
    "Bag",
    "ClipNet",
    "ConditionalBlock",
    "ConvolutionBlock",
    "ConvolutionNet",
    "Hypernetwork",
    "MixtureOfExperts",
    "Packed",
    "PatchEmbedding",
    "PatchNet",
    "Pool",
    "PretrainedNet",
    "Recurrent",
    "SelfAttention",
    "SequenceNet",
    "Transformer",
    "TransformerBlock",
    "VectorNet",
    "grid_centres",
    "pack",
    "sine_cosine",
    "transform_packed",
]
