"""Messages go along edges and nowhere else, however graphs are filled up and laid out."""

import pytest
import torch

from polymodal.encoders.graph import CodedGraph, GraphLayer, GraphNet

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def chain(length: int) -> torch.Tensor:
    """(length - 1, 2) the edges of nodes in a row."""
    return torch.stack([torch.arange(length - 1), torch.arange(1, length)], dim=1)


def graphs(sizes: list[int], width: int, spare: int = 0):
    """Chains of these sizes with random nodes and marks, filled up to the longest and `spare` more."""
    torch.manual_seed(0)
    most = max(sizes) + spare
    nodes, mask = torch.full((len(sizes), most, width), torch.nan), torch.zeros(len(sizes), most, dtype=torch.bool)
    edges = torch.full((len(sizes), most, 2), -1)
    marks = torch.full((len(sizes), most, width), torch.nan)
    for row, size in enumerate(sizes):
        nodes[row, :size], mask[row, :size] = torch.randn(size, width), True
        edges[row, : size - 1], marks[row, : size - 1] = chain(size), torch.randn(size - 1, width)
    return nodes.nan_to_num(7.0), mask, edges, marks


def test_a_layer_does_what_pytorch_geometric_does():
    conv = pytest.importorskip("torch_geometric.nn.conv")
    torch.manual_seed(0)
    layer = GraphLayer(8).double()
    theirs = conv.GINEConv(layer.inner, eps=0.25)
    layer.own.data.fill_(0.25)
    nodes, marks = torch.randn(9, 8, dtype=torch.double), torch.randn(20, 8, dtype=torch.double)
    edges = torch.randint(0, 9, (2, 20))
    torch.testing.assert_close(layer.change(nodes, edges, marks), theirs(nodes, edges, marks), atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("tokens", ["pooled", "nodes"])
def test_filling_up_and_company_change_nothing(tokens):
    net = GraphNet(8, layers=3, tokens=tokens).eval()
    for layer in net.layers:
        layer.scale.data.fill_(1.0)
    sizes = [5, 1, 9]
    one, many = net(*graphs(sizes, 8)), net(*graphs(sizes, 8, spare=4))
    for row, size in enumerate(sizes):
        kept = size if tokens == "nodes" else 1
        assert one.mask[row].sum() == kept
        torch.testing.assert_close(one.values[row, :kept], many.values[row, :kept], atol=1e-5, rtol=1e-5)
        alone = net(*(part[row : row + 1] for part in graphs(sizes, 8)))
        torch.testing.assert_close(one.values[row, :kept], alone.values[0, :kept], atol=1e-5, rtol=1e-5)
    assert (many.values[~many.mask] == 0).all()


def test_the_order_of_nodes_and_edges_does_not_matter():
    net = GraphNet(8, layers=2).eval()
    nodes, mask, edges, marks = graphs([6], 8)
    order, other = torch.randperm(6), torch.randperm(5)
    place = torch.empty(6, dtype=torch.long)
    place[order] = torch.arange(6)
    moved = torch.where(edges[:, :5] >= 0, place[edges[:, :5].clamp(min=0)], -1)[:, other].flip(-1)
    again = net(nodes[:, order], mask, moved, marks[:, :5][:, other])
    torch.testing.assert_close(net(nodes, mask, edges, marks).values, again.values, atol=1e-5, rtol=1e-5)


def test_a_message_goes_one_edge_in_each_layer():
    net = GraphNet(8, layers=2, tokens="nodes").eval()
    nodes, mask, edges, marks = graphs([9], 8)
    changed = nodes.clone()
    changed[0, 4] = 1.0
    told, other = net(nodes, mask, edges, marks).values, net(changed, mask, edges, marks).values
    assert (told != other).any(dim=2)[0].nonzero().flatten().tolist() == [2, 3, 4, 5, 6]


def test_nodes_without_edges_and_graphs_without_nodes():
    net = GraphNet(8, layers=2)
    nodes, mask = torch.randn(2, 3, 8, requires_grad=True), torch.tensor([[True, False, False], [False] * 3])
    made = net(nodes, mask, torch.full((2, 0, 2), -1), torch.zeros(2, 0, 8))
    assert made.mask.tolist() == [[True], [False]]
    assert (made.values[1] == 0).all()
    made.values.square().sum().backward()
    assert torch.isfinite(nodes.grad).all()
    assert (nodes.grad[1] == 0).all()


def test_codes_of_all_features_count_and_are_told_apart():
    torch.manual_seed(0)
    net = CodedGraph(("nodes", "edges"), (5, 3), (2,), 8, GraphNet(8, layers=1)).eval()
    nodes = torch.tensor([[[1, 0], [2, 1]], [[1, 0], [2, 2]], [[1, 0], [2, 1]]])
    edges = torch.tensor([[[0, 1, 0]], [[0, 1, 0]], [[0, 1, 1]]])
    made = net({"nodes": nodes, "edges": edges}).values[:, 0]
    assert len({tuple(row) for row in made.tolist()}) == 3
