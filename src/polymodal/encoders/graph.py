"""Nets that pass messages along the edges of graphs: molecules, neighbours in a tissue, scenes."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polymodal.core import Tokens
from polymodal.core.masking import keep, masked_mean
from polymodal.encoders.dropout import Dropout

__all__ = ["CodedGraph", "GraphLayer", "GraphNet", "ends_of"]


class GraphLayer(nn.Module):
    """Every node hears the sum of what its neighbours say, and changes a little (GINE, Hu et al. 2020, eq. A.1).

    nodes (nodes, width), edges (2, edges) from and to, marks (edges, width) → (nodes, width). Pre-norm and LayerScale,
    so that several layers do not make all nodes alike at the start.
    """

    def __init__(self, width: int, dropout: float = 0.1, scale: float = 0.2) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.own = nn.Parameter(torch.zeros(1))
        self.inner = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.dropout = Dropout(dropout)
        self.scale = nn.Parameter(torch.full((width,), scale))

    def forward(self, nodes: Tensor, edges: Tensor, marks: Tensor) -> Tensor:
        """nodes + scale · MLP((1 + own) norm(nodes) + Σ relu(norm(neighbour) + mark))."""
        return torch.addcmul(nodes, self.dropout(self.change(self.norm(nodes), edges, marks)), self.scale)

    def change(self, nodes: Tensor, edges: Tensor, marks: Tensor) -> Tensor:
        """What a node makes of itself and of what it hears."""
        said = F.relu(nodes[edges[0]] + marks)
        heard = torch.zeros_like(nodes).index_add(0, edges[1], said)
        changed: Tensor = self.inner((1 + self.own) * nodes + heard)
        return changed


class GraphNet(nn.Module):
    """Graphs of any size to one token each, or to one for each node.

    nodes (n, nodes, width) with a mask, edges (n, edges, 2) by place of their nodes, -1 behind the last, and a vector
    for each edge (n, edges, width). Messages go both ways. All graphs are laid out as one that falls apart, so that
    filling up costs nothing. The pooled token reads mean and maximum.
    """

    def __init__(
        self, width: int, layers: int = 4, dropout: float = 0.1, tokens: Literal["pooled", "nodes"] = "pooled"
    ) -> None:
        super().__init__()
        self.tokens = tokens
        self.layers = nn.ModuleList(GraphLayer(width, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.dropout = Dropout(dropout)
        self.out = nn.Linear(2 * width if tokens == "pooled" else width, width)

    def forward(self, nodes: Tensor, mask: Tensor, edges: Tensor, marks: Tensor) -> Tokens:
        """Tokens (n, 1 or nodes, width), without positions."""
        real, ends = ends_of(mask, edges)
        both, heard = torch.cat([ends, ends.flip(0)], dim=1), marks[real].repeat(2, 1)
        flat = nodes[mask]
        for layer in self.layers:
            flat = layer(flat, both, heard)
        values = nodes.new_zeros(nodes.shape).masked_scatter(mask.unsqueeze(-1), F.gelu(self.norm(flat)))
        if self.tokens == "nodes":
            return Tokens(keep(self.out(self.dropout(values)), mask), mask)
        highest = values.masked_fill(~mask.unsqueeze(-1), -1.0).amax(dim=1)  # gelu is never below -0.17
        present = mask.any(dim=1, keepdim=True)
        pooled = torch.cat([masked_mean(values, mask), highest], dim=-1).unsqueeze(1)
        return Tokens(keep(self.out(self.dropout(pooled)), present), present)


def ends_of(mask: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
    """Several graphs as one that falls apart: which edges are real (n, edges), and the ends of these (2, real edges).

    mask (n, nodes) True where a node is real, edges (n, edges, 2) by place, -1 behind the last. Ends count the real
    nodes of all graphs, one graph after the other.
    """
    place = (mask.flatten().cumsum(0) - 1).view(mask.shape)
    real = edges[..., 0] >= 0
    return real, place.gather(1, edges.clamp(min=0).flatten(1)).view(edges.shape)[real].T


class CodedGraph(nn.Module):
    """Graphs whose nodes and edges are described by codes, several each; the vector of a node is the sum of theirs.

    Reads two parts: `nodes` (n, nodes, features) int64, 0 in the first feature behind the last node, and `edges`
    (n, edges, 2 + features) int64, two places, -1 behind the last edge, and codes.
    """

    def __init__(
        self, parts: tuple[str, str], node_codes: Sequence[int], edge_codes: Sequence[int], width: int, net: GraphNet
    ) -> None:
        super().__init__()
        self.parts, self.net = parts, net
        self.nodes, self.edges = CodeSum(node_codes, width), CodeSum(edge_codes, width)

    def forward(self, parts: Mapping[str, Tensor]) -> Tokens:
        """Parts → the Tokens of the net."""
        nodes, edges = (parts[name] for name in self.parts)
        mask = nodes[..., 0] != 0
        made: Tokens = self.net(keep(self.nodes(nodes), mask), mask, edges[..., :2], self.edges(edges[..., 2:]))
        return made


class CodeSum(nn.Module):
    """A learned vector for each code of each feature, summed over features: (…, features) int64 → (…, width)."""

    def __init__(self, codes: Sequence[int], width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(sum(codes), width)
        nn.init.normal_(self.embedding.weight, std=len(codes) ** -0.5)
        starts = torch.tensor([sum(codes[:place]) for place in range(len(codes))])
        self.register_buffer("starts", starts, persistent=False)
        self.starts: Tensor

    def forward(self, codes: Tensor) -> Tensor:
        """Sum of the vectors."""
        summed: Tensor = self.embedding(codes + self.starts).sum(dim=-2)
        return summed
