"""Keeping the platform: backups, restoring, removing what is too old to be of use."""
