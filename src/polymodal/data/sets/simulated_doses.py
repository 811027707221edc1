"""Doses of three more drugs, simulated by pharmacokinetics for people of iwpc_warfarin. Bodies and genes are real.

Warfarin, phenytoin and celecoxib are broken down by one enzyme, CYP2C9; vancomycin is not, it leaves by the kidney. The
activity of a person's enzyme, 1 for the middle of those without a variant, is the mean of what the two alleles are
capable of, times a log-normal factor that is the person's own and the same for phenytoin and celecoxib.

Nobody has both a real dose of warfarin and simulated ones, since it cannot be known how warfarin would go with the
factor: `TAUGHT` people for each simulated drug, drawn among the sites that teach, and half of the people at the eight
sites that are asked, have lost their warfarin. Of the others warfarin is known, and nothing simulated. What warfarin
has in common with the simulated drugs are genes and bodies.

Six in ten of the simulated people took a test dose, 125 mg of tolbutamide, and blood a day later tells how much is
left: without it nobody can know the factor before a dose is tried. `expected` is what an ideal reader, who knows all
laws and constants below, makes of genes, weight and test: the mean of the activity given them, by Bayes.

Constants, each with its source; those without one are our own choice:

- alleles: *1 whole; *3 2.2 of 13.0, by the clearance of tolbutamide in ml/min, *3/*3 against *1/*1, in 130 volunteers
  (thesis, Freie Universität Berlin, refubium fub188/7284); *2 and other weak ones half, those without function as *3.
- factor: 25 % of spread, 3.2 of 13.0 ml/min among *1/*1 (the same).
- tolbutamide: .85 l/h cleared by *1/*1 (Jetter et al. 2004); 9.1 l (Gross et al. 1999), here for 60 kg, with 10 % of
  spread; the assay errs by 10 %.
- phenytoin: at most 415 mg a day are broken down at 70 kg, by weight to the power .6, half of that at 5.7 mg/l (Grasela
  et al. 1983); nine tenths by CYP2C9; 15 mg/l wanted.
- celecoxib: 27.7 l/h cleared (label of Celebrex), here at 70 kg, by weight to the power .75; four fifths by CYP2C9;
  .5 mg/l wanted.
- vancomycin: clearance in ml/min 3.66 + .689 × that of creatinine (Matzke et al. 1984), which is told by age, weight,
  sex and creatinine in blood (Cockcroft and Gault 1976); 500 mg·h/l in a day wanted. Creatinine: 1 mg/dl, 30 %.
- every dose: found by trying, 15 % beside what it should be.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from polymodal.core.seeding import numpy_generator
from polymodal.data.sets import iwpc_warfarin as real
from polymodal.data.sets.base import DataSet

__all__ = ["DRUGS", "SET", "TABLE", "TAUGHT"]

TABLE = "doses.parquet"
DRUGS = ("phenytoin_dose", "celecoxib_dose", "vancomycin_dose")
TAUGHT, TESTED, ASKED = 300, 0.6, 8
"""Labelled people for each drug, the share with a test dose, and sites that are asked."""
ALLELES: Mapping[str, float] = {"*1": 1.0, "*2": 0.5, "*5": 0.5, "*8": 0.5, "*11": 0.5, "*14": 0.5}
LEAST, FACTOR, TITRATION, ASSAY, VOLUME = 2.2 / 13.0, 0.25, 0.15, 0.1, 0.1
CREATININE = 0.3
HOURS, TEST_MG, LITRES_PER_KG, TEST_CLEARANCE = 24.0, 125.0, 9.1 / 60, 0.85
NODES = 201


def _derive(source: Path, target: Path) -> None:
    """The patients of iwpc_warfarin; some of them with simulated doses in place of their real one."""
    real.SET.prepare(source / real.SET.name, target)
    people = pd.read_parquet(target / real.TABLE)
    (target / real.TABLE).unlink()
    draw = numpy_generator(0, "simulated_doses", "people")
    asked = people["site"].isin(draw.permutation(np.unique(people["site"]))[:ASKED])
    complete = people[["cyp2c9", "age", "weight", "sex"]].notna().all(axis=1)
    test = draw.permutation(np.flatnonzero(asked & complete))
    taught = draw.permutation(np.flatnonzero(~asked & complete))[: TAUGHT * len(DRUGS)]
    chosen = np.concatenate([test[: len(test) // 2], taught])
    made = _simulated(people.iloc[chosen].sort_index())
    for place, drug in enumerate(DRUGS):
        others = np.delete(taught, slice(place * TAUGHT, (place + 1) * TAUGHT))
        made.loc[others, drug] = np.nan
    people.loc[made.index, "dose"] = np.nan
    people["part"] = np.where(asked, "test", "train")
    pd.concat([people, made], axis=1).to_parquet(target / TABLE, index=False)


def _simulated(people: pd.DataFrame) -> pd.DataFrame:
    """Activity, test, creatinine and the three doses, of everybody."""
    draw, many = numpy_generator(0, "simulated_doses"), len(people)

    def spread(share: float) -> np.ndarray:
        """(people,) log-normal factors around 1."""
        return np.exp(share * draw.standard_normal(many))

    weight, capable = people["weight"].to_numpy(), _capable(people["cyp2c9"])
    activity = capable * spread(FACTOR)
    test = _left(activity, weight, spread(VOLUME)) * spread(ASSAY)
    tested = draw.random(many) < TESTED
    creatinine = spread(CREATININE)
    filtered = (140 - people["age"]) * weight / (72 * creatinine) * np.where(people["sex"] == "female", 0.85, 1.0)
    doses = {
        "phenytoin_dose": 415 * (weight / 70) ** 0.6 * (0.9 * activity + 0.1) * 15 / (5.7 + 15),
        "celecoxib_dose": 24 * 0.5 * 27.7 * (weight / 70) ** 0.75 * (0.8 * activity + 0.2),
        "vancomycin_dose": 500 * 0.06 * (3.66 + 0.689 * filtered),
    }
    made = {"activity": activity, "test": np.where(tested, test, np.nan), "creatinine": creatinine}
    made |= {drug: dose * spread(TITRATION) for drug, dose in doses.items()}
    made["expected"] = _expected(capable, weight, made["test"])
    return pd.DataFrame(made, index=people.index)


def _capable(genes: pd.Series) -> np.ndarray:
    """(people,) the mean of what both alleles are capable of."""
    pairs = genes.str.split("/")
    return np.array([np.mean([ALLELES.get(allele, LEAST) for allele in pair]) for pair in pairs])


def _left(activity: np.ndarray, weight: np.ndarray, volume: np.ndarray | float = 1.0) -> np.ndarray:
    """Tolbutamide in blood a day after the test dose, in mg/l: one compartment, first order."""
    litres = LITRES_PER_KG * weight * volume
    left: np.ndarray = TEST_MG / litres * np.exp(-TEST_CLEARANCE * activity * HOURS / litres)
    return left


def _expected(capable: np.ndarray, weight: np.ndarray, test: np.ndarray) -> np.ndarray:
    """(people,) the mean of the activity given genes, weight and test, by sums over factor and volume."""
    node = np.linspace(-4, 4, NODES)
    prior = np.exp(-(node**2) / 2)
    activity = capable[:, None] * np.exp(FACTOR * node)
    chance = np.zeros_like(activity)
    for place, weigh in zip(node[::10], prior[::10], strict=True):
        told = np.log(_left(activity, weight[:, None], np.exp(VOLUME * place)))
        chance += weigh * np.exp(-(((np.log(test)[:, None] - told) / ASSAY) ** 2) / 2)
    chance = np.where(np.isnan(test)[:, None], 1.0, chance) * prior
    expected: np.ndarray = (chance * activity).sum(1) / chance.sum(1)
    return expected


def _describe(_source: Path, target: Path) -> dict[str, Any]:
    return {
        "version": 1,
        "data": {
            "table": str(target / TABLE),
            "id": "patient",
            "group": "site",
            "split": {"column": "part", "test": ["test"]},
            "allow": ["same-row-on-both-sides"],  # as in iwpc_warfarin
        },
        "modalities": {
            "clinic": {"type": "table", "columns": [*real.CLINIC, *real.INDICATIONS]},
            "drugs": {"type": "table", "columns": [*real.DRUGS]},
            "genes": {"type": "table", "columns": [*real.GENES, *real.VARIANTS]},
            "test": {"type": "table", "columns": ["test"]},
            "kidney": {"type": "table", "columns": ["creatinine"]},
        },
        "tasks": {
            "warfarin": {"type": "regression", "target": "dose", "scale": "root", "loss": "absolute"},
            **{drug.removesuffix("_dose"): {"type": "regression", "target": drug, "scale": "log"} for drug in DRUGS},
        },
    }


SET = DataSet(
    name="simulated_doses",
    title="Doses of warfarin (real), phenytoin, celecoxib and vancomycin (simulated) for the same people",
    origin="iwpc_warfarin, and pharmacokinetic models with constants from the literature",
    licence="as iwpc_warfarin",
    rows=5_919,
    tables={
        TABLE: "derived; as patients.parquet of iwpc_warfarin, with part (train, test) and, simulated in place of the "
        "dose, activity of CYP2C9, expected (what an ideal reader makes of it), test (mg/l), creatinine (mg/dl), and "
        "phenytoin_dose, celecoxib_dose, vancomycin_dose in mg a day"
    },
    folders=(real.SET.name,),
    files={f"{real.SET.name}/{name}": key for name, key in real.SET.files.items()},
    derive=_derive,
    describe=_describe,
    made_with=(Path(real.__file__).read_text(encoding="utf-8"),),
)
