"""How the invented artists fare through time."""
