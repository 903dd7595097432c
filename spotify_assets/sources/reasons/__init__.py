"""Why something is missing or a column is empty: codes, and the sentences made from them."""
