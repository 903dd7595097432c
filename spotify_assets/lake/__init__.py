"""The lake: every response as it came, before anyone read it."""
