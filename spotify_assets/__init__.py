"""Spotify Assets: observe artists day by day, keep what was seen, and say what is rising."""
