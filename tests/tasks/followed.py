"""People who were followed until something happened, or for as long as they could be."""

import numpy as np

from polymodal.tasks.hazards import outcomes


def followed(rows: int, ties: bool = False, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes (rows,), and features (rows, 3) of which the first two tell the hazard; whole times with `ties`."""
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(rows, 3))
    happened = draw.exponential(np.exp(-features[:, 0] + 0.5 * features[:, 1]))
    watched = draw.exponential(2.0, rows)
    times = np.minimum(happened, watched)
    return outcomes(np.ceil(4 * times) if ties else times, happened <= watched), features
