"""The dbt models and their tests as Dagster assets and checks."""
