"""The HTTP client that every upstream is called through: pacing, quota, retries and redaction."""
