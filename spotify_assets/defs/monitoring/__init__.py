"""Checks that must run when nothing was loaded, and alerts."""
