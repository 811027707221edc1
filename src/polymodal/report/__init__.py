"""One offline HTML file that tells a stranger what a run is worth.

The first screen answers three questions in sentences: is it better than a plain model, can it be trusted, what next.
Below stand the figures with their intervals, the drawings, and rows to look at. `build_report` reads a run folder;
`facts` is what it reads, `verdict` the rules behind the sentences, `charts` the drawings, `templates/` the page.

    from pathlib import Path
    from polymodal.report import build_report
    build_report(Path("runs/first"))
"""

from polymodal.report.examples import Example
from polymodal.report.found import found_sheet
from polymodal.report.lines import lines_picture
from polymodal.report.page import build_report
from polymodal.report.sheet import Card, contact_sheet

__all__ = ["Card", "Example", "build_report", "contact_sheet", "found_sheet", "lines_picture"]
