"""What do our blocks cost beside the ones that textbooks print?

Questions and bars, on synthetic tokens:
- experts: training tokens a second of `MixtureOfExperts`, top-2 of 2,048 tokens, against a loop over experts with the
  same weights: at least 1.4 times with 8 experts, 2.5 with 64, 5 with 128; outputs equal to 1e-6. `hidden` is the width
  inside an expert: the default, and twice it. There are two loops: `ratio` is against the quickest that we could write
  (each expert finds its tokens, index_select, feed-forward, index_add), which decides; `plain_ratio` against one as it
  is mostly written, which takes and gives tokens by indices.
- attention: `SelfAttention`, 384 wide, 6 heads, every token real, against softmax(QKᵀ)V with the same weights, which is
  given no mask at all: at least 1.3 times as fast at 8 × 197 tokens and 3 times at 1 × 4,096, forwards; and there at
  most a tenth of the extra memory (the resident peak of a fresh process above what it held before).
- conditional: `ConditionalBlock` that skips 40 % of 197 tokens of 256 numbers, against the block that it wraps: at
  least 30 % less time, so a ratio of 1.43.
Read by: the median of paired ratios; single steps of each side alternate in one process, and which side begins
alternates, too. Time is that of the processor, which other work on the machine disturbs less than the clock; at one
thread, on a quiet machine, they are the same. "training" is forward and backward.

    OMP_NUM_THREADS=1 python benchmarks/blocks.py [PAIRS]
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import torch
import torch.nn.functional as F
from record import write
from torch import Tensor, nn

from polymodal.encoders import ConditionalBlock, MixtureOfExperts, SelfAttention, TransformerBlock

__all__ = ["main"]

TOKENS, SEED = 2048, 0
EXPERT_BARS = {8: 1.4, 64: 2.5, 128: 5.0}
WIDTH, HEADS = 384, 6
ATTENTION_BARS = {(8, 197): 1.3, (1, 4096): 3.0}
Step = Callable[[], object]


class Loop(nn.Module):
    """A mixture of experts as a loop over them, with the weights of ours."""

    def __init__(self, layer: MixtureOfExperts) -> None:
        super().__init__()
        self.router, self.top_k, self.width = layer.router, layer.top_k, layer.width
        width, hidden = layer.width, layer.hidden
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(width, hidden, bias=False), nn.GELU(), nn.Linear(hidden, width, bias=False))
            for _ in range(layer.experts)
        )
        with torch.no_grad():
            for place, (inward, _, outward) in enumerate(self.experts):
                inward.weight.copy_(layer.inward[place].T)
                outward.weight.copy_(layer.outward[place].T)

    def forward(self, tokens: Tensor) -> Tensor:
        top, chosen = self.router(tokens).topk(self.top_k, dim=-1)
        weights = top.softmax(dim=-1)
        mixed = torch.zeros_like(tokens)
        for place, expert in enumerate(self.experts):
            own, rank = (chosen == place).nonzero(as_tuple=True)
            made = expert(tokens.index_select(0, own)) * weights[own, rank].unsqueeze(1)
            mixed.index_add_(0, own, made)
        return mixed


class PlainLoop(Loop):
    """The same as it is mostly written: tokens are taken and given back by indices (as in public code of Mixtral)."""

    def forward(self, tokens: Tensor) -> Tensor:
        top, chosen = self.router(tokens).topk(self.top_k, dim=-1)
        weights = top.softmax(dim=-1)
        taken = F.one_hot(chosen, num_classes=len(self.experts)).permute(2, 1, 0)
        mixed = torch.zeros_like(tokens)
        for place, expert in enumerate(self.experts):
            rank, own = torch.where(taken[place])
            mixed.index_add_(0, own, expert(tokens[None, own].reshape(-1, self.width)) * weights[own, rank, None])
        return mixed


class Textbook(nn.Module):
    """softmax(QKᵀ / √d) V as it is printed, with the weights of ours."""

    def __init__(self, ours: SelfAttention) -> None:
        super().__init__()
        self.ours = ours

    def forward(self, values: Tensor) -> Tensor:
        split = self.ours.project(values).unflatten(-1, (3, self.ours.heads, -1))
        queries, keys, read = split.permute(2, 0, 3, 1, 4).unbind(0)
        weights = torch.softmax(queries @ keys.transpose(-2, -1) / queries.shape[-1] ** 0.5, dim=-1)
        return self.ours.out((weights @ read).transpose(1, 2).flatten(-2))


def training(net: nn.Module, values: Tensor, call: Callable[[Tensor], Tensor]) -> Step:
    """Forward and backward, with what the net asks for besides."""
    slope, weights = torch.randn_like(values), list(net.parameters())

    def step() -> None:
        for weight in weights:
            weight.grad = None
        made = call(values.clone().requires_grad_())
        penalty = getattr(net, "penalty", None)
        if penalty is None:
            made.backward(slope)
        else:
            torch.autograd.backward([made, penalty], [slope, None])

    return step


def forward(values: Tensor, call: Callable[[Tensor], Tensor]) -> Step:
    """Forward alone."""

    def step() -> None:
        with torch.no_grad():
            call(values)

    return step


def paired(ours: Step, theirs: Step, pairs: int) -> dict[str, float]:
    """Medians of each side, and of their ratio."""
    sides, told = (ours, theirs), []
    for number in range(pairs + 2):
        took = {}
        for place in (0, 1) if number % 2 else (1, 0):
            began = time.process_time()
            sides[place]()
            took[place] = 1e3 * (time.process_time() - began)
        told.append((took[0], took[1], took[1] / took[0]))
    own, other, ratio = (statistics.median(column) for column in zip(*told[2:], strict=True))  # the first two warm up
    return {"ours_ms": own, "theirs_ms": other, "ratio": ratio, "pairs": pairs}


def experts(pairs: int) -> Iterator[dict[str, object]]:
    """A row for each width, number of experts and width inside."""
    for width, count, wider in product((128, 256), EXPERT_BARS, (1, 2)):
        layer = MixtureOfExperts(width, count)
        layer = MixtureOfExperts(width, count, hidden=wider * layer.hidden).train()
        loop, plain, tokens = Loop(layer).train(), PlainLoop(layer).train(), torch.randn(TOKENS, width)
        with torch.no_grad():
            apart = float((layer(tokens) - loop(tokens)).abs().max())
        own = training(layer, tokens, layer)
        found = paired(own, training(loop, tokens, loop), pairs)
        beside = paired(own, training(plain, tokens, plain), pairs)
        size = f"{TOKENS} × {width}, {count} experts, hidden {layer.hidden}"
        bar = EXPERT_BARS[count]
        row = {"block": "experts", "against": "loop", "size": size, "mode": "training"} | found
        row |= {"tokens_per_s": 1e3 * TOKENS / found["ours_ms"], "plain_ratio": beside["ratio"]}
        yield row | {"difference": apart, "bar": bar, "bar_met": found["ratio"] >= bar and apart <= 1e-6}


def attention(pairs: int) -> Iterator[dict[str, object]]:
    """A row for each length, forwards and in training, and one for memory."""
    ours = SelfAttention(WIDTH, HEADS)
    textbook = Textbook(ours)
    for (rows, length), bar in ATTENTION_BARS.items():
        values, mask = torch.randn(rows, length, WIDTH), torch.ones(rows, length, dtype=torch.bool)
        with torch.no_grad():
            apart = float((ours(values, mask) - textbook(values)).abs().max())
        few = pairs if length < 1000 else max(pairs // 4, 3)
        for mode in ("forward", "training"):
            calls = (lambda tokens, mask=mask: ours(tokens, mask), textbook)
            steps = [forward(values, call) if mode == "forward" else training(ours, values, call) for call in calls]
            found = paired(steps[0], steps[1], few)
            size = f"{rows} × {length} × {WIDTH}, {HEADS} heads"
            row = {"block": "attention", "against": "textbook", "size": size, "mode": mode} | found
            judged = {"bar": bar, "bar_met": found["ratio"] >= bar and apart <= 1e-5}
            yield row | {"difference": apart} | (judged if mode == "forward" else {})
    used = [extra_memory(side) for side in ("ours", "textbook")]
    row = {"block": "attention", "against": "textbook", "size": f"1 × 4096 × {WIDTH}, {HEADS} heads", "mode": "memory"}
    yield (
        row
        | {"ours_mib": used[0], "theirs_mib": used[1], "ratio": used[1] / used[0], "bar": 10.0}
        | {"bar_met": used[1] >= 10.0 * used[0]}
    )


def extra_memory(side: str) -> float:
    """MiB that one forward pass over 1 × 4,096 tokens needs beyond what is held before it, in a process of its own."""
    told = subprocess.run((sys.executable, __file__, "memory", side), capture_output=True, text=True, check=True)
    return float(told.stdout)


def measure_memory(side: str) -> None:
    """Print the resident peak of one forward pass above what was resident before it (Linux only)."""
    ours, values = SelfAttention(WIDTH, HEADS), torch.randn(1, 4096, WIDTH)
    textbook = Textbook(ours)

    def run(tokens: Tensor) -> Tensor:
        return ours(tokens, torch.ones(tokens.shape[:2], dtype=torch.bool)) if side == "ours" else textbook(tokens)

    with torch.no_grad():
        run(values[:, :8])
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from what is resident now
        before = resident("VmRSS")
        run(values)
    print((resident("VmHWM") - before) / 1024)


def resident(what: str) -> int:
    """KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what))


def conditional(pairs: int) -> Iterator[dict[str, object]]:
    """A row for each number of rows, forwards and in training."""
    for rows, mode in product((8, 32), ("forward", "training")):
        values, mask = torch.randn(rows, 197, 256), torch.ones(rows, 197, dtype=torch.bool)
        block = TransformerBlock(256, 4)
        layer = ConditionalBlock(TransformerBlock(256, 4), 256, share=0.6)
        steps = []
        for net in (layer, block):
            net.train(mode == "training")
            call = lambda tokens, net=net, mask=mask: net(tokens, mask)  # noqa: E731
            steps.append(forward(values, call) if mode == "forward" else training(net, values, call))
        found = paired(steps[0], steps[1], max(pairs // 2, 5))
        row = {"block": "conditional", "against": "the block without it", "size": f"{rows} × 197 × 256, 40 % skipped"}
        yield row | {"mode": mode} | found | {"bar": 1 / 0.7, "bar_met": found["ratio"] >= 1 / 0.7}


def main(pairs: int = 20) -> None:
    """Three blocks."""
    torch.manual_seed(SEED)
    rows: list[dict[str, object]] = []
    for part in (experts, attention, conditional):
        for row in part(pairs):
            rows.append(row)
            print(row, flush=True)
    write("blocks", rows, SEED)


if __name__ == "__main__":
    measure_memory(sys.argv[2]) if sys.argv[1:2] == ["memory"] else main(*map(int, sys.argv[1:]))
