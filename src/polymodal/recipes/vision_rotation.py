"""Does it help to know a digit if one also has to tell how it was turned? Asked at angles that nobody has seen.

The same turned pictures are learned from in both arms, with as many steps: digits alone, or digits and turns. Turns
cost nothing to know, and are known of every picture; digits of a hundred, or of all thousand.
"""

import numpy as np
import pandas as pd

from polymodal.core.seeding import numpy_generator
from polymodal.evaluation.arms import Arm, Bench
from polymodal.recipes.base import Finding, Kitchen, Recipe, Told

__all__ = ["RECIPE"]

SEEDS = 5
KNOWN = {"digit_of_few": "100 digits named", "digit": "1,000 digits named"}
ASKED = {"upright": "upright", "odd": "at odd angles"}
ARMS = {"alone": ("digit",), "with turns": ("digit", "turn")}
DRAWS = 1000


def _cook(kitchen: Kitchen) -> Told:
    found = []
    for column, what in KNOWN.items():
        tasks = {"digit": {"type": "multiclass", "target": column}, "turn": {"type": "multiclass", "target": "turn"}}
        spec = kitchen.spec("turned_digits", {"tasks": tasks, "train": {"members": 1, "epochs": 12}})
        seeds = range(kitchen.seed, kitchen.seed + (1 if kitchen.tiny else SEEDS))
        bench = Bench(spec, kitchen.out / column, seeds, note=kitchen.note)
        right = {arm: _right(bench, Arm(names)) for arm, names in ARMS.items()}
        for asked, position in ASKED.items():
            for arm, each in right.items():
                found.append(_finding(f"{what}, {position}: {arm}", each[asked]))
            gain = right["with turns"][asked] - right["alone"][asked]
            found.append(_finding(f"{what}, {position}: gain by turns", gain))
    return Told(found)


def _right(bench: Bench, arm: Arm) -> dict[str, pd.DataFrame]:
    """Whether each test picture was told right, (pictures, seeds), those upright and those at odd angles apart."""
    made = []
    for place in bench.folders(arm):
        told = pd.read_parquet(place / "predictions.parquet").query("split == 'test'").set_index("id")
        made.append((told["digit.prediction"] == told["digit.target"]).astype(float))
    right = pd.concat(made, axis=1)
    upright = right.index.str.endswith("_000")
    return {"upright": right[upright], "odd": right[~upright]}


def _finding(what: str, right: pd.DataFrame) -> Finding:
    """The mean over seeds and pictures; both are drawn again for the interval."""
    table, draw = right.to_numpy(), numpy_generator(0, "vision_rotation")
    pictures, seeds = table.shape
    drawn = [
        table[draw.integers(0, pictures, pictures)][:, draw.integers(0, seeds, seeds)].mean() for _ in range(DRAWS)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Finding(what, float(table.mean()), [float(low), float(high)], pictures)


RECIPE = Recipe("vision_rotation", "A digit and how it was turned, at angles never seen", ("turned_digits",), _cook)
