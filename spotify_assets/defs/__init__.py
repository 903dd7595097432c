"""All that imports Dagster: assets, checks, partitions, resources, jobs, schedules, sensors."""
