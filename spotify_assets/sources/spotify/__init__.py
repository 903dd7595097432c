"""Spotify's Web API as an upstream, and the simulated upstream that speaks the same protocol.

Belongs here: everything that knows Spotify's calls, shapes, ids and sign-in. Does not belong here:
retries, pace and deadlines (`sources.http`).
"""
