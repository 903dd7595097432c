"""Where settings come from and what their values must be like; the settings themselves are in `settings`."""
