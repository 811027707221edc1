"""Find a picture by words in eight languages, and words by a picture.

Every emoji has a name in eight languages. Each name is a row of its own beside the same picture, so that a query may be
in any of them; all names of a picture are right answers to it. Emoji that look alike, or whose names differ only in
words such as man or woman, stay on one side of the split. Flags are left out.
"""

import pandas as pd

from polymodal.recipes.base import Finding, Kitchen, Recipe, Told, figure
from polymodal.report import found_sheet
from polymodal.run import Query, retrieve

__all__ = ["RECIPE"]

LANGUAGES = ("en", "de", "fr", "es", "ru", "zh", "ja", "hi")
QUERIES = ("red heart", "Hund", "voiture", "музыка")


def _cook(kitchen: Kitchen) -> Told:
    wide = kitchen.spec("emoji_noto", {"modalities": MODALITIES, "tasks": TASKS}, "words.parquet")
    place = kitchen.out / "names.parquet"
    _long(pd.read_parquet(wide.tables[0])).to_parquet(place, index=False)
    plain = wide.to_dict()
    plain["data"] |= {"table": str(place.resolve()), "split": {"column": "split_0", "test": ["test"]}}
    told = kitchen.fitted("search", wide.replaced(plain))
    found: list[Finding] = []
    for name, entry in told["tasks"].items():
        way = name.partition(".")[2].replace("_", " ")
        found += [figure(told, name, metric, f"{way}, {metric}") for metric in ("recall_at_1", "recall_at_10", "mrr")]
        found.append(Finding(f"{way}, recall_at_1 of a guess", len(LANGUAGES) / max(1, entry["n"]), None, entry["n"]))
    files = ["search/report.html"]
    for number, words in enumerate(QUERIES):
        answer, table = retrieve(kitchen.out / "search", Query(words, "name", "picture"), 9)
        _, picture = found_sheet(answer, table, kitchen.out / f"found-{number + 1}")
        files.append(picture.name)
    return Told(found, files)


def _long(names: pd.DataFrame) -> pd.DataFrame:
    """A row for each picture and language."""
    fixed = ["image", "group", "split_0"]
    parts = [names[[*fixed, f"name_{word}"]].rename(columns={f"name_{word}": "name"}) for word in LANGUAGES]
    return pd.concat(parts, ignore_index=True)


MODALITIES = {
    "picture": {"type": "image", "column": "image", "size": 48},
    "name": {"type": "text", "columns": ["name"]},
}
# One model, so that a batch holds each picture once for all its names.
TASKS = {"find": {"type": "retrieval", "between": ["picture", "name"], "same": "image"}}

RECIPE = Recipe("vision_search", "Find a picture by words in eight languages", ("emoji_noto",), _cook)
