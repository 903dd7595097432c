"""Raw and snapshot assets, and their checks."""
