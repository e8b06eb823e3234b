"""Changes out of the hub."""
