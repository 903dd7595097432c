"""An offline upstream: invented artists served over Spotify's own protocol.

This room imports no other room, so it cannot agree with the platform about a mistake; only the command
line and the tests import it.

Start with `catalogue.Catalogue` (what exists on a day), `config.SimulatorConfig` (the switches) and
`server.serve` or `server.running` (over HTTP).
"""
