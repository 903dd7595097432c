"""The daily run: its job and schedule, and the sensor that retries what is still missing today."""
