"""How to read one stream's files, as a source's configuration says it. Pure."""

from __future__ import annotations

import codecs
from typing import Literal

from pydantic import Field, field_validator

from hub.settings import ADDED, Strict, compile_path


class FileRead(Strict):
    """How to read one stream's files. What is left out is found out (format, encoding, delimiter)."""

    pattern: str = "*"  # of file names in the connector's folder; "**/*.csv" looks into sub-folders
    format: Literal["auto", "csv", "jsonl", "json", "parquet"] = "auto"
    encoding: str = "auto"  # a name that Python knows: utf-8, cp1252, utf-16 ...
    delimiter: str = "auto"  # one character; "tab" for a tab
    quote: str = Field(default='"', min_length=1, max_length=1)  # one character
    columns: tuple[str, ...] = ()  # names of the columns, for CSV files without a header line
    skip: int = Field(
        default=0, ge=0, le=1000, json_schema_extra=ADDED
    )  # lines before the header line (with columns: before the first row), for CSV files
    manifest: str | None = Field(
        default=None, json_schema_extra=ADDED
    )  # pattern of the manifests, such as "*.manifest.json": only files that one names are read, and only as it describes them
    records: str = "@"  # JMESPath to the list, in a JSON file that is not itself a list

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, text: str) -> str:
        if text != "auto" and text != "tab" and len(text) != 1:
            raise ValueError("write one character, tab or auto")
        return text

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, text: str) -> str:
        try:
            return text if text == "auto" else codecs.lookup(text).name
        except LookupError:
            raise ValueError(f"unknown encoding '{text}'; write for example utf-8, cp1252, utf-16 or auto") from None

    @field_validator("pattern")
    @classmethod
    def _inside(cls, text: str) -> str:
        if ".." in text.split("/") or text.startswith("/"):
            raise ValueError("stays inside the connector's folder: put the folder into connector.path")
        return text

    @field_validator("records")
    @classmethod
    def _path(cls, text: str) -> str:
        compile_path(text, "this")
        return text
