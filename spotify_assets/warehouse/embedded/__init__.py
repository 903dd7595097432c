"""The embedded PostgreSQL: its files, its users, starting it and stopping it."""
