"""Forecasts of series, and how far each would have been off in the past."""
