"""Housekeeping: pruning, retention, and runs whose process was killed."""
