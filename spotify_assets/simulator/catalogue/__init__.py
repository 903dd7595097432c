"""The invented artists, albums, tracks and charts."""
