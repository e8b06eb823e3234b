"""A paper as PDF: A4, a typeface of Latin, Greek and Cyrillic letters that is embedded, a page number on each page.

Drawn line by line, so that ten thousand rows take seconds.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import font_source_sans_pro
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from hub.language.paper import Paper

PLAIN, BOLD = "hub", "hub-bold"
WIDTH, HEIGHT = A4
LEFT, RIGHT, TOP, BOTTOM = 57, WIDTH - 57, HEIGHT - 62, 62  # points
NAMES = 150  # how wide the names of rows are
SIZE, LEADING = 10, 14
GREY, BLACK = 0.4, 0


def as_pdf(paper: Paper) -> bytes:
    """The bytes of the file."""
    _typefaces()
    made = io.BytesIO()
    pen = _Pen(Canvas(made, pagesize=A4, lang=paper.language, invariant=1), paper.title)
    pen.write(paper.title, size=20, font=BOLD, after=10)
    for paragraph in paper.text:
        pen.write(paragraph, after=6)
    for section in paper.sections:
        pen.begin(section.title)
        for paragraph in section.text:
            pen.write(paragraph, after=6)
        for group in section.groups:
            if group.title:
                pen.write(group.title, font=BOLD, before=6, keep=2)
            for name, value in group.rows:
                pen.row(name, value)
    pen.close()
    return made.getvalue()


@cache
def _typefaces() -> None:
    folder = Path(font_source_sans_pro.__file__).parent / "files"
    pdfmetrics.registerFont(TTFont(PLAIN, str(folder / "SourceSansPro-Regular.ttf")))
    pdfmetrics.registerFont(TTFont(BOLD, str(folder / "SourceSansPro-Bold.ttf")))


class _Pen:
    """Writes from the top of a page to its end, and on."""

    def __init__(self, canvas: Canvas, title: str):
        self._canvas, self._at, self._sections = canvas, TOP, 0
        canvas.setTitle(title)

    def begin(self, title: str) -> None:
        """A section: found in the reader's outline too."""
        self._room(7 * LEADING)
        self._sections += 1
        name = f"s{self._sections}"
        self._canvas.bookmarkPage(name)
        self._canvas.addOutlineEntry(title, name)
        self.write(title, size=14, font=BOLD, before=16, after=6, keep=2)

    def write(
        self, text: str, *, size: int = SIZE, font: str = PLAIN, before: int = 0, after: int = 0, keep: int = 0
    ) -> None:
        """Lines over the whole width; `keep`: with so many lines after them on one page."""
        self._at -= before
        for line in _wrapped(text, font, size, RIGHT - LEFT):
            self._room(size + LEADING * keep)
            self._at -= size * 1.3
            self._draw(line, LEFT, font, size, BLACK)
        self._at -= after

    def row(self, name: str, value: str) -> None:
        """A name, and beside it what it is."""
        names = list(_wrapped(name, PLAIN, SIZE, NAMES - 12))
        values = list(_wrapped(value, PLAIN, SIZE, RIGHT - LEFT - NAMES))
        for n in range(max(len(names), len(values))):
            self._room(LEADING)
            self._at -= LEADING
            if n < len(names):
                self._draw(names[n], LEFT, PLAIN, SIZE, GREY)
            if n < len(values):
                self._draw(values[n], LEFT + NAMES, PLAIN, SIZE, BLACK)

    def close(self) -> None:
        self._end_page()
        self._canvas.save()

    def _draw(self, text: str, x: float, font: str, size: int, grey: float) -> None:
        self._canvas.setFont(font, size)
        self._canvas.setFillGray(grey)
        self._canvas.drawString(x, self._at, text)

    def _room(self, needed: float) -> None:
        if self._at - needed < BOTTOM:
            self._end_page()
            self._canvas.showPage()
            self._at = TOP

    def _end_page(self) -> None:
        self._canvas.setFont(PLAIN, 9)
        self._canvas.setFillGray(GREY)
        self._canvas.drawRightString(RIGHT, BOTTOM / 2, str(self._canvas.getPageNumber()))


def _wrapped(text: str, font: str, size: int, width: float) -> Iterator[str]:
    for line in text.splitlines() or [""]:
        if pdfmetrics.stringWidth(line, font, size) <= width:
            yield line
        else:
            for part in simpleSplit(line, font, size, width):
                yield from cut(part, font, size, width)


def cut(text: str, font: str, size: int, width: float) -> Iterator[str]:
    """A word that is wider than a line, in pieces."""
    start, wide = 0, 0.0
    for at, letter in enumerate(text):
        more = pdfmetrics.stringWidth(letter, font, size)
        if at > start and wide + more > width:
            yield text[start:at]
            start, wide = at, 0.0
        wide += more
    yield text[start:]
