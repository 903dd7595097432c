"""Imported files as a source: how a landed row of a file reads as a record."""
