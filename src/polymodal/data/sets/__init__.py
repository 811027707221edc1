"""Data sets: one file each, with origin, licence, sha256, tables and a spec that learns from them.

The embedded ones, drawn_roads, drawn_volumes, drawn_world and glyphs, are made on this machine; the others lie under
$POLYMODAL_DATA/NAME (read, never written to) or come from their origin by `get`. What is derived of them goes to the
user's cache folder.

>>> from polymodal.data import sets
>>> [entry["name"] for entry in sets.list()]  # doctest: +NORMALIZE_WHITESPACE
['ad_csf', 'biotac_sp', 'camvid', 'chebi20', 'davis', 'dlpfc', 'drawn_roads', 'drawn_volumes', 'drawn_world',
 'easy_vqa', 'emodb', 'emoji_noto', 'fsdd', 'gas_drift', 'glyphs', 'impac_autism', 'iwpc_warfarin', 'nlvr_small',
 'protein', 'senses_digits', 'simulated_doses', 'tcga_gbmlgg', 'toxcast', 'turned_digits', 'tuxpaint_stamps',
 'video_digits', 'womens_clothing', 'xtb_ethanol']
>>> sorted(sets.named("glyphs").tables)
['glyphs.parquet']

To add a set: one module here that defines SET.
"""

from polymodal.data.sets.base import DataSet
from polymodal.data.sets.catalogue import find, get, list, named  # noqa: A004, read as sets.list()

__all__ = ["DataSet", "find", "get", "list", "named"]
