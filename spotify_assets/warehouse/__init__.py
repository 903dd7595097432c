"""The warehouse: PostgreSQL, embedded or on a server, and every statement that Python sends to it."""
