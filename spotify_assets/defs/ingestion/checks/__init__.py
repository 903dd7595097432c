"""Asset checks: what must hold (blocking) and what a person should look at (warning)."""
