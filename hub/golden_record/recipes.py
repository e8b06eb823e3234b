"""What is kept of a recipe. Pure."""

from __future__ import annotations

from hub.model import canonical
from hub.settings import Config


def recipe_document(config: Config) -> str:
    """What a recipe's row keeps of the configuration: enough to map its rows again."""
    streams = {
        f"{s.name}/{n}": stream.model_dump(mode="json", by_alias=True, exclude={"write_back"})
        for s in config.sources.values()
        for n, stream in s.streams.items()
        if stream.customer
    }
    types = {n: t.model_dump(mode="json", by_alias=True) for n, t in config.customers.items()}
    return canonical({"streams": streams, "types": types}).decode()
