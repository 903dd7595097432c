"""Spotify's Web API over the invented catalogue."""
