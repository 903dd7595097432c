"""Keeping the platform: backups, restoring, removing what is too old to be of use.

Belongs here: what concerns warehouse, lake and home together. Does not belong here: one partition's way
(`ingest`), statements (`warehouse`), files of the lake (`lake`).
"""
