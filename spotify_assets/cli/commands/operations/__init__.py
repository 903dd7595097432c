"""Commands that run and maintain the platform."""
