"""Templates to pages: one file each, with its style inside, that loads nothing and runs nothing."""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from polymodal.report import wording

__all__ = ["rendered", "written"]


def rendered(template: str, given: Mapping[str, object]) -> str:
    """A page out of a template of ours; every word of the user's in `given` is escaped."""
    environment = Environment(
        loader=PackageLoader("polymodal.report"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": wording.number,
        "span": wording.span,
        "percent": wording.percent,
        "label": wording.label,
        "gain": wording.gain,
        "heading": wording.heading,
        "count": wording.count,
        "counted": wording.counted,
        "readable": wording.readable,
    }
    style = environment.get_template("style.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    known: dict[str, Any] = {
        "style": Markup(style),  # noqa: S704 - our own file, without a word of the user's
        "policy": policy,
    }
    return environment.get_template(template).render(known | dict(given))


def written(page: str, target: Path) -> Path:
    """Put a page in its place, whole or not at all."""
    aside = target.with_name(f".{target.name}.partial")
    aside.write_text(page, encoding="utf-8")
    aside.replace(target)
    return target
