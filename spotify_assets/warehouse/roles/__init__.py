"""Least-privilege PostgreSQL roles."""
