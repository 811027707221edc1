"""The verb that looks something up: `retrieve`."""

from pathlib import Path
from typing import Annotated

import typer

from polymodal.cli.paths import checked_path
from polymodal.cli.results import Files
from polymodal.cli.session import Session, verb
from polymodal.cli.tables import aligned

__all__ = ["add_to", "retrieve"]


def add_to(app: typer.Typer) -> None:
    """Add the verb of this file."""
    verb(app, "retrieve")(retrieve)


def retrieve(
    session: Session,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run with a retrieval.", show_default=False)],
    query: Annotated[str, typer.Option("--query", metavar="TEXT", help="What to look for: a text, or a file.")],
    given: Annotated[str, typer.Option("--from", metavar="NAME", help="The modality that the query is.")],
    wanted: Annotated[str, typer.Option("--to", metavar="NAME", help="The modality to look in.")],
    most: Annotated[int, typer.Option("-k", min=1, max=1000, help="How many rows to find.")] = 9,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="TABLE", help="Look in this table, not in that of the run.")
    ] = None,
    files: Files = None,
    sheet: Annotated[
        Path | None,
        typer.Option("--sheet", metavar="NAME", help="Where NAME.html and NAME.png go; RUN/retrieved unless given."),
    ] = None,
) -> None:
    """Find the rows that are nearest to a query, and put them on a contact sheet."""
    from polymodal.report import found_sheet
    from polymodal.run import Query
    from polymodal.run import retrieve as look_up

    run, place = checked_path(run), None if sheet is None else checked_path(sheet)
    tables, folder = (None if path is None else checked_path(path) for path in (data, files))
    told, table = look_up(run, Query(query, given, wanted), most, tables, folder)
    page, picture = found_sheet(told, table, place or run / "retrieved")
    told |= {"page": str(page), "picture": str(picture)}
    rows = [
        (str(hit["rank"]), hit["id"], f"{hit['likeness']:.3f}", " · ".join(hit["cells"].values())[:70])
        for hit in told["results"]
    ]
    session.result(told, f"{aligned(rows)}\n\npage     {page}\npicture  {picture}")
