"""Commands that observe, import and show data."""
