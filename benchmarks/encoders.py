"""Is the encoder that `auto` takes the right one for sets of this size?

Question: one modality alone, each encoder that can be named, one member, the default settings, the same rows: pictures
and tags of emoji (fold 0 of five, 1,313 rows), pictures of glyphs (its own split; synthetic), texts of 3,000 reviews
(tested on the set's own test rows), proteins (10 folds of 333 patients).
Bar: none; the choice of `auto` should not be behind by more than chance. Read by: the headline metric of one task (its
mean where there are several folds), and seconds of training.

    OMP_NUM_THREADS=1 python benchmarks/encoders.py [SET ...]
"""

import sys
from collections.abc import Iterator, Mapping

import numpy as np
from compare import compare_fold, named_division, open_set, row_division, score
from record import write
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from polymodal.run.division import Division
from polymodal.run.tables import Source

__all__ = ["main"]

ASKED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "emoji_noto": {"picture": ("convolution", "patches"), "tags": ("bag", "transformer", "recurrent")},
    "glyphs": {"picture": ("convolution", "patches")},
    "womens_clothing": {"review": ("bag", "transformer", "recurrent")},
    "ad_csf": {"proteins": ("mlp", "transformer")},
}
TASK = {"emoji_noto": "category", "glyphs": "script", "womens_clothing": "recommended", "ad_csf": "impaired"}


def divisions(name: str, source: Source) -> Iterator[Division]:
    """The rows that each encoder learns from and is asked about."""
    frame = source.table.frame
    if name == "emoji_noto":
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
        yield row_division(source, *next(folds.split(frame, frame["category"], frame["group"])), 0)
    elif name == "ad_csf":
        for seed, (train, test) in enumerate(
            StratifiedKFold(10, shuffle=True, random_state=0).split(frame, frame["Class"])
        ):
            yield row_division(source, train, test, seed)
    elif name == "womens_clothing":
        split = named_division(source).split
        known = np.random.default_rng(0).choice(np.concatenate([split.train, split.validation]), 3000, replace=False)
        yield row_division(source, np.sort(known), split.test, 0)
    else:
        yield named_division(source)


def main(*names: str) -> None:
    """A row for each set, modality and encoder."""
    rows: list[dict[str, object]] = []
    for name in names or tuple(ASKED):
        source = open_set(name)
        for modality, encoders in ASKED[name].items():
            for encoder in encoders:
                settings = (f"modalities.{modality}.encoder={encoder}", "train.members=1")
                found = []
                for division in divisions(name, source):
                    fold = compare_fold(source, division, only=[modality], overrides=settings, floors=False)
                    metric = fold.headline(TASK[name])
                    found.append((score(fold.ours()[TASK[name]], metric), fold.seconds))
                value, seconds = np.mean(found, axis=0)
                rows.append(
                    {"set": name, "modality": modality, "encoder": encoder, "folds": len(found), "task": TASK[name]}
                    | {"metric": metric, "value": value, "fit_seconds": seconds}
                )
                print(rows[-1], flush=True)
        write("encoders", rows, 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
