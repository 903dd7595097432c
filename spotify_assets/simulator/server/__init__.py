"""The simulator over HTTP: the application, its control endpoints, and its configuration."""
