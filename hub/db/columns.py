"""Columns and tables as every room declares them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Integer
from sqlmodel import Field, SQLModel


def big(**kwargs: Any) -> Any:
    """A 64-bit integer column: SQLModel's int is 32 bits on PostgreSQL. SQLite's own are 64 bits, and as INTEGER a primary key is the row's place."""
    nullable = kwargs.pop("nullable", False)
    primary = kwargs.pop("primary_key", False)
    index = kwargs.pop("index", False)
    default = kwargs.pop("default", ...)
    column = Column(
        BigInteger().with_variant(Integer(), "sqlite"),
        nullable=nullable,
        primary_key=primary,
        index=index,
        autoincrement=False,
    )
    return Field(default, sa_column=column)


def table(row: type[SQLModel]) -> Any:
    return row.__table__  # type: ignore[attr-defined]
