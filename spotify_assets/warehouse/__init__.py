"""The warehouse: PostgreSQL, embedded or on a server, and every statement that Python sends to it.

Belongs here: starting and reaching the database, migrations, replacing a partition, the ledger, the
watchlist, read-only queries. Does not belong here: judging rows (`contracts`), fetching or reading
responses (`sources`, `lake`), marts (`dbt_project`), or anything of Dagster.
"""
