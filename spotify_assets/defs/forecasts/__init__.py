"""Forecasts as assets, downstream of the marts."""
