"""A copy of somebody's data as the file that they asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import orjson

from hub.errors import Conflict
from hub.language.copies import access_paper, portable_paper
from hub.language.paper import as_page
from hub.privacy.package import Document, as_csv

Form = Literal["page", "pdf", "json", "csv"]


@dataclass(frozen=True, slots=True)
class CopyFile:
    """`ending`: of its name, without a dot."""

    body: bytes
    media: str
    ending: str


def copy_file(form: Form, language: str, document: Document, *, portable: bool) -> CopyFile:
    """Conflict: as CSV there is what they gave alone."""
    match form:
        case "json":
            return CopyFile(
                orjson.dumps(document, default=list, option=orjson.OPT_INDENT_2), "application/json", "json"
            )
        case "csv":
            if not portable:
                raise Conflict("a copy of everything is a page, a PDF or JSON: as CSV there is what was given")
            return CopyFile(as_csv(document).encode(), "text/csv", "csv")
    paper = (portable_paper if portable else access_paper)(language, document)
    if form == "page":
        return CopyFile(as_page(paper).encode(), "text/html", "html")
    from hub.language.pdf import as_pdf  # what draws is loaded by whoever asks for a PDF

    return CopyFile(as_pdf(paper), "application/pdf", "pdf")
