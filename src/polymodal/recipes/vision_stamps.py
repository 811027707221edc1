"""Stamps with a picture, a text and a voice that reads it: three senses in one space, where many stamps lack one.

A clip in Spanish is the speech of a stamp; 28 per cent of the clips are the same as that of another stamp, and stamps
with a clip, a text or a picture in common stay on one side of the split. Nothing is filled in where a sense is missing.
"""

from polymodal.recipes.base import Finding, Kitchen, Recipe, Told, figure

__all__ = ["RECIPE"]


def _cook(kitchen: Kitchen) -> Told:
    told = kitchen.fitted("stamps", kitchen.spec("tuxpaint_stamps", {"modalities": MODALITIES, "tasks": TASKS}))
    found: list[Finding] = []
    for name, entry in told["tasks"].items():
        way = name.partition(".")[2].replace("_", " ")
        found += [figure(told, name, metric, f"{way}, {metric}") for metric in ("recall_at_10", "mrr")]
        found.append(Finding(f"{way}, recall_at_10 of a guess", min(1.0, 10 / max(1, entry["n"])), None, entry["n"]))
    return Told(found, ["stamps/report.html"])


MODALITIES = {
    "picture": {"type": "image", "column": "picture", "size": 48},
    "text": {"type": "text", "columns": ["text_en", "text_es", "text_fr"]},
    "speech": {"type": "audio", "column": "speech_es"},
}
TASKS = {"find": {"type": "retrieval", "between": ["picture", "text", "speech"], "same": "text_en"}}

RECIPE = Recipe("vision_stamps", "Picture, text and human speech in one space", ("tuxpaint_stamps",), _cook)
