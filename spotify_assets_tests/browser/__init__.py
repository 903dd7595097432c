"""The platform as a person meets it: `demo`, then `up`, then its pages in a real browser."""
