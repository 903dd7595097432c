"""What `purge` finds and removes: everything that a source, an artist or a user brought."""
