"""What commands share: the environment they need, runs, and how output looks."""
