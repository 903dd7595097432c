"""What people read: reports in the terminal and the documentation site."""
