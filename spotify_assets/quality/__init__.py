"""What is asked of loaded days: the rules and the queries behind the checks of the snapshot tables."""
