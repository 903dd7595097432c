-- Dagster's own records (runs, events, schedules); dagster-postgres creates and migrates its tables itself.
create schema if not exists dagster;
