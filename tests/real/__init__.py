"""The hub against systems that nobody here wrote: `make real`. Files are called real_*.py, so that `make test` has none of it.

Each system installs itself, pinned, from its registry into a folder of its own below .real/. One that cannot be installed or
does not start fails its tests; none is skipped.
"""
