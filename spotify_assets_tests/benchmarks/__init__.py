"""Measurements with targets: what the platform costs, beside what others cost in the same run. No tests."""
