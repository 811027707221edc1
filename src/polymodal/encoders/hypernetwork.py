"""A net that makes the weights of another net out of what is said about the question that the other is to answer."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from polymodal.core import Tokens
from polymodal.core.masking import keep, masked_mean

__all__ = ["Adapter", "Hypernetwork"]


class Adapter(nn.Module):
    """A narrow detour around nothing: x + W2 gelu(W1 x) (Houlsby et al. 2019, section 2.1); x is (..., width)."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(width, size), nn.Linear(size, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) → (..., width)."""
        changed: Tensor = x + self.up(nn.functional.gelu(self.down(x)))
        return changed


class Hypernetwork(nn.Module):
    """Makes the weights of `net` for each question from its description (Ha et al. 2017).

    The modalities `described` say what a question is about: the mean token of each becomes `rank` numbers, and those of
    several modalities add up to the question's code c. Every weight is then W(c) = W0 + Σ_k c_k U_k. W0 are the weights
    of `net` itself, which answer where nothing is described; U (rank, *shape) is learned. A question that was never
    met needs its description and no training.

    `gain` is the size of what U adds to the outputs at the start, in standard deviations, for inputs of size 1: the
    entries of U have the variance gain² / (2 · rank · fan-in) for a matrix and gain² / (2 · rank) for a bias (Chang
    et al. 2020, table 1, hyperfan-in), so that outputs neither vanish nor explode with the sizes of either net. U is
    kept as numbers of size 1 times that factor: Adam makes steps of one size, and would else move W(c) by rank times
    the step that it makes with W0.
    """

    def __init__(self, net: nn.Module, described: Sequence[str], width: int, rank: int = 16, gain: float = 1.0) -> None:
        super().__init__()
        self.net, self.described, self.rank = net, list(described), rank
        self.readers = nn.ModuleDict({name: _reader(width, rank) for name in self.described})
        self.makers = nn.ParameterList(torch.randn(rank, *weight.shape) for weight in net.parameters())
        self.sizes = [gain * (2 * rank * _inputs(weight)) ** -0.5 for weight in net.parameters()]

    def questions(self, tokens: Mapping[str, Tokens], rows: int) -> tuple[Tensor, Tensor]:
        """The codes of the distinct descriptions among so many rows (n, rank), and (rows,) which of them a row has.

        The code is zero where nothing is described. Its entries are at most √2 in size, so that codes which grow do not
        carry heads ever farther from their mean.
        """
        given = {name: tokens[name] for name in self.described if name in tokens}
        if not given or rows == 0:
            like = self.makers[0]
            return like.new_zeros(1, self.rank), torch.zeros(rows, dtype=torch.int64, device=like.device)
        means = {name: masked_mean(part.values, part.mask) for name, part in given.items()}
        told = torch.stack([part.present for part in given.values()], dim=1)
        which, first = _distinct(torch.cat([*(mean.detach() for mean in means.values()), told], dim=1))
        told, read = told[first], []
        for place, (name, mean) in enumerate(means.items()):
            read.append(keep(self.readers[name](mean[first]), told[:, place]))
        total = torch.stack(read).sum(0) / told.sum(1, keepdim=True).clamp(min=1).sqrt()
        return total * (2 / (1 + total.square().mean(1, keepdim=True))).sqrt(), which

    def weights(self, codes: Tensor) -> dict[str, Tensor]:
        """The weights of the net for each of n codes (n, rank), by name: (n, *shape)."""
        own = self.net.named_parameters()
        return {
            name: weight + torch.tensordot(size * codes, maker, dims=1)
            for (name, weight), maker, size in zip(own, self.makers, self.sizes, strict=True)
        }

    def forward(self, codes: Tensor, which: Tensor, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """What the nets of n codes (n, rank) make of rows of `inputs` (rows, ...); `which` (rows,) says whose.

        All nets work in one call, each on its own rows.
        """
        owner, places = slots(which, len(codes))
        weights = {name: made[owner] for name, made in self.weights(codes).items()}
        filled = [part if len(part) else part.new_zeros(1, *part.shape[1:]) for part in inputs]
        laid = [part[places.clamp(min=0)] for part in filled]

        def one(own: dict[str, Tensor], *given: Tensor) -> Tensor | tuple[Tensor, ...]:
            made: Tensor | tuple[Tensor, ...] = functional_call(self.net, own, given)
            return made

        made = torch.vmap(one, randomness="different")(weights, *laid)
        there = places >= 0
        order = torch.argsort(places[there])
        if isinstance(made, tuple):
            return tuple(part[there][order] for part in made)
        back: Tensor = made[there][order]
        return back


def _distinct(key: Tensor) -> tuple[Tensor, Tensor]:
    """(rows,) a number for each distinct row of `key`, and (n,) the first row that has each."""
    which = torch.unique(key, dim=0, return_inverse=True)[1]
    rows = torch.arange(len(which), device=which.device)
    first = rows.new_full((int(which.max()) + 1,), len(which)).scatter_reduce(0, which, rows, "amin")
    return which, first


def slots(which: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Rows sorted into slots of one size: (slots,) the question of each, (slots, size) its row numbers, -1 for none.

    A question with many rows has several slots, so that there are at most twice as many as questions, and at most twice
    as many places as rows and questions together, however unevenly rows are spread.
    """
    rows = len(which)
    size = max(1, -(-rows // max(1, count)))
    order = torch.argsort(which, stable=True)
    counts = torch.bincount(which, minlength=count)
    used = torch.div(counts + size - 1, size, rounding_mode="floor").clamp(min=1)
    within = torch.arange(rows, device=which.device) - (counts.cumsum(0) - counts)[which[order]]
    slot = (used.cumsum(0) - used)[which[order]] + torch.div(within, size, rounding_mode="floor")
    owner = torch.repeat_interleave(torch.arange(count, device=which.device), used)
    places = which.new_full((len(owner), size), -1)
    places[slot, within % size] = order
    return owner, places


def _reader(width: int, rank: int) -> nn.Module:
    """From a mean token to a code whose entries start with a variance of 1 for tokens of size 1.

    Tokens are not brought to one length: one of which little is known, such as a text of words that no training row
    had, is short, and its question then stays near the net that answers where nothing is described.
    """
    made = nn.Linear(width, rank, bias=False)
    nn.init.normal_(made.weight, std=width**-0.5)
    return made


def _inputs(weight: Tensor) -> int:
    """How many numbers each output is a sum over."""
    return weight[0].numel() if weight.dim() > 1 else 1
