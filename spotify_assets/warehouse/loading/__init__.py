"""Loading a partition: its rows and its ledger entry, replaced in one transaction."""
