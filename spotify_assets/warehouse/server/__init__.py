"""Reaching a PostgreSQL server: its address, and what a refused connection means."""
