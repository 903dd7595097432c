"""Forecasts of series, and how far each would have been off in the past.

Belongs here: what a forecast is computed by (`methods`, `pooled`), how it is judged by the series' own past
(`outlook`), and its tables (`store`). Does not belong here: Dagster, and any formula of a metric, which is
dbt's.
"""
