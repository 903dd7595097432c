"""One partition's way from upstream to its table: land, then load. Knows every room, but not Dagster."""
