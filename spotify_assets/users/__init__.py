"""Listeners who signed in: their grants and encrypted tokens."""
