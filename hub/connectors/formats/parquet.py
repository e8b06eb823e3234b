"""Parquet -> rows, column by column as Python holds them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import orjson

from hub.connectors.base import JSON, KEPT, ROW_BYTES, BadRow, Foreign, jsonable
from hub.connectors.formats.delimited import told_apart
from hub.connectors.formats.json_rows import checked_row
from hub.connectors.formats.opened import BROKEN, FileFault, Opened, Read, unpacked


def read_parquet(file: Path, name: str, local: bool) -> Opened:
    source: object = file
    try:
        with file.open("rb") as start:
            packed = start.read(2) == b"\x1f\x8b"
        if packed:
            source = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the rows are read
            with unpacked(file) as content:
                while chunk := content.read(1 << 20):
                    source.write(chunk)
            source.seek(0)
    except (*BROKEN, OSError) as error:
        raise FileFault(str(error) if isinstance(error, FileFault) else "is not a sound Parquet file") from None
    return open_parquet(source, name, local)


def open_parquet(source: object, name: str, local: bool) -> Opened:
    """The rows of a Parquet file: a path, or an open file wherever it is."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        parquet = pq.ParquetFile(source)
        columns, twice = told_apart([field.name for field in parquet.schema_arrow])
    except (OSError, pa.ArrowException):
        raise FileFault("is not a sound Parquet file") from None
    return Opened("parquet", columns, _parquet_rows(parquet, name, local), twice)


def _parquet_rows(parquet: Foreign, name: str, local: bool) -> Iterator[Read]:
    import pyarrow as pa

    number = 0
    try:
        for batch in parquet.iter_batches(batch_size=1000):
            size = batch.nbytes // max(batch.num_rows, 1)
            for raw in _plain_batch(batch, pa, local):
                number += 1
                where = f"{name} row {number}"
                length = len(orjson.dumps(raw, default=str)) if size > ROW_BYTES // 1000 else size
                yield checked_row(raw, where, str(raw)[:KEPT] if length > ROW_BYTES else "", length), length
    except (OSError, ValueError, OverflowError, pa.ArrowException) as error:
        yield (
            BadRow(
                f"not sound Parquet ({type(error).__name__}); what follows is not read",
                f"{name} after row {number}",
                "",
            ),
            0,
        )
    finally:
        parquet.close()


def _column(column: Foreign, pa: Foreign) -> list[Foreign]:
    """A column's values; what Python has no word for as Arrow spells it."""
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError, pa.ArrowException):
        return [_one(column[n], pa) for n in range(len(column))]


def _one(value: Foreign, pa: Foreign) -> Foreign:
    for read in (value.as_py, lambda: value.cast(pa.string()).as_py()):
        try:
            return read()
        except (ValueError, OverflowError, pa.ArrowException):
            continue
    return str(value.type)


def _plain_batch(batch: Foreign, pa: Foreign, local: bool) -> list[dict[str, JSON]]:
    simple = []
    for place, field in enumerate(batch.schema):
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":  # Python's times have microseconds
            batch = batch.set_column(
                place, field.name, batch.column(place).cast(pa.timestamp("us", field.type.tz), safe=False)
            )
        simple.append(
            pa.types.is_string(field.type) or pa.types.is_large_string(field.type) or pa.types.is_integer(field.type)
        )
    try:
        rows: list[dict[str, JSON]] = batch.to_pylist()
    except (ValueError, OverflowError, pa.ArrowException):  # a time that Python has no word for
        columns = {field.name: _column(batch.column(place), pa) for place, field in enumerate(batch.schema)}
        rows = [{name: values[n] for name, values in columns.items()} for n in range(batch.num_rows)]
    others = [field.name for field, plain in zip(batch.schema, simple, strict=True) if not plain]
    for row in rows:
        for column in others:
            value = row[column]
            if local and isinstance(value, datetime) and value.tzinfo is None:
                row[column] = value.isoformat()
            else:
                row[column] = jsonable(value)
    return rows
