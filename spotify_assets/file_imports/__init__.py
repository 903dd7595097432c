"""Past observations from files: reading, mapping columns, and the import folder."""
