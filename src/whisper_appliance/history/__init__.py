"""Every transcript that was made, and who owns it."""
