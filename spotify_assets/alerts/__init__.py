"""Telling people: what a message says, and the ways by which it reaches them. Never imports Dagster."""
