"""The assets, one module a layer: landing, snapshots, marts."""
