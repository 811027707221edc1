"""Domains of a tissue, without labels: spots that express alike, and that their surroundings expect to."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeCV
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from torch import Tensor

from polymodal.core import Values
from polymodal.model import Model

__all__ = ["agreement", "averaged", "domains", "expected", "matched", "parted", "smoothed"]

HIDDEN = 1 / 8
"""The share of the places that are hidden at a time: few, so that what surrounds a hidden one is seen."""
LOOKS = 2
"""How often each place is hidden at least."""
DIRECTIONS = 15
"""Axes that are clustered, as usual for sections (Zhao et al. 2021, BayesSpace)."""
STARTS = 10


@torch.no_grad()
def expected(model: Model, name: str, values: Values, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """What each place of one value holds, and what it is expected to hold by what surrounds it: (places, numbers) each.

    `values` has one value of the modality `name`, whose encoder gives a token for each place (the spots of a section).
    Places are hidden, an eighth of them at a time, until each was twice; the tokens that hidden places have are then
    mapped to what they held by ridge regression over all places, whose penalty leave-one-out errors choose. Without a
    net that hears neighbours every place is expected to hold the same.
    """
    modality, generator = model.modalities[name], torch.Generator().manual_seed(seed)
    held = modality.content(values.data).numbers[0]
    model.eval()
    total, times = held.new_zeros(len(held), model.width), held.new_zeros(len(held))
    known = ~held.isnan().any(dim=1)
    while bool((times[known] < LOOKS).any()):
        parts, hidden = modality.corrupt(values.data, HIDDEN, generator)
        tokens = model.encoders[name](parts).values[0]
        unseen = hidden[0] | ~known  # a place of which nothing is known is hidden always
        total, times = torch.where(unseen.unsqueeze(1), total + tokens, total), times + unseen
    said = (total / times.clamp(min=1).unsqueeze(1)).numpy()
    rows = known.numpy()
    told = RidgeCV(np.logspace(-3, 3, 13)).fit(said[rows], held[known].numpy())
    return held.numpy(), np.asarray(told.predict(said))


def domains(held: np.ndarray, told: np.ndarray, count: int, seed: int = 0, own: float = 0.5) -> np.ndarray:
    """(places,) a number from 0 to `count` - 1 for each place, by a mixture of normal distributions of one shape.

    What is clustered is `own` times what a place holds and the rest of what it is expected to hold (places, numbers),
    along their 15 main axes; the mixture has one covariance, as mclust's EEE (Scrucca et al. 2016), and the best of ten
    starts. A place of which nothing is known is put by what is expected there.
    """
    blend = np.where(np.isnan(held), told, own * held + (1 - own) * told)
    axes = PCA(min(DIRECTIONS, *blend.shape), svd_solver="full").fit_transform(blend)
    found = GaussianMixture(count, covariance_type="tied", n_init=STARTS, random_state=seed, max_iter=200)
    return np.asarray(found.fit_predict(axes))


def parted(model: Model, name: str, values: Values, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Domains (places,) of one value of the modality `name`, smoothed; and those that need no net.

    The first are parted by what places hold and are expected to hold, the others by averages over 18 neighbours.
    """
    places, (held, told) = values.data["places"][0], expected(model, name, values, seed)
    plain = domains(averaged(held, places), told, count, seed, own=1.0)
    return smoothed(domains(held, told, count, seed), places), plain


def smoothed(labels: np.ndarray, places: np.ndarray | Tensor, radius: float = 2.1) -> np.ndarray:
    """(places,) the commonest label within `radius` of each place (places, 2), itself among them; ties to the lower.

    In units of the spacing, 2.1 are the two nearest rings of a hexagonal grid: 18 neighbours.
    """
    votes = [np.bincount(labels[near], minlength=labels.max() + 1) for near in _around(places, radius)]
    return np.asarray(np.stack(votes).argmax(axis=1))


def averaged(held: np.ndarray, places: np.ndarray | Tensor, radius: float = 2.1) -> np.ndarray:
    """(places, numbers) the mean of what lies within `radius` of each place: surroundings without any net."""
    return np.stack([held[near].mean(axis=0) for near in _around(places, radius)])


def agreement(drawn: np.ndarray, labels: np.ndarray) -> float:
    """The adjusted Rand index (Hubert and Arabie 1985) over places that have a drawn label; "" stands for none."""
    return float(adjusted_rand_score(drawn[drawn != ""], labels[drawn != ""]))


def matched(labels: np.ndarray, drawn: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """(places,) a name for each domain, a number below the count of names: the pairs that share most places.

    So that a picture shows what is alike in one colour, and for nothing else.
    """
    shared = np.zeros((len(names), len(names)), dtype=np.int64)
    for place, name in enumerate(names):
        shared[:, place] = np.bincount(labels[drawn == name], minlength=len(names))
    rows, columns = linear_sum_assignment(-shared)
    return np.array(names, dtype=object)[columns[np.argsort(rows)]][labels]


def _around(places: np.ndarray | Tensor, radius: float) -> list[list[int]]:
    """The places within a radius of each place (places, 2), itself among them."""
    found: list[list[int]] = cKDTree(np.asarray(places)).query_ball_point(np.asarray(places), radius).tolist()
    return found
