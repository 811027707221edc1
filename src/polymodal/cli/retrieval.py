"""The verb that looks something up: `retrieve`."""

import re
from pathlib import Path
from typing import Annotated

import typer

from polymodal.cli.paths import checked_path
from polymodal.cli.session import Session, verb
from polymodal.cli.tables import aligned

__all__ = ["add_to", "retrieve"]


def add_to(app: typer.Typer) -> None:
    """Add the verb of this file."""
    verb(app, "retrieve")(retrieve)


def _named(query: str) -> str:
    """A query as part of a file's name; of a file, its own name without its ending."""
    file = re.fullmatch(r"(?:.*[/\\])?([^/\\]+)\.\w{2,5}", query)
    return re.sub(r"\W+", "-", file[1] if file else query).strip("-").lower()[:60] or "query"


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
) -> None:
    """Find the rows that are nearest to a query, and put them on a contact sheet in the run folder."""
    from polymodal.report import found_sheet
    from polymodal.run import Query
    from polymodal.run import retrieve as look_up

    tables = None if data is None else checked_path(data)
    told, table = look_up(checked_path(run), Query(query, given, wanted), most, tables)
    page, picture = found_sheet(told, table, run / f"retrieved-{_named(query)}")
    told |= {"page": str(page), "picture": str(picture)}
    rows = [
        (str(hit["rank"]), hit["id"], f"{hit['likeness']:.3f}", " · ".join(hit["cells"].values())[:70])
        for hit in told["results"]
    ]
    session.result(told, f"{aligned(rows)}\n\npage     {page}\npicture  {picture}")
