"""Settings: one table, its types, and the overrides that the admin panel stores."""
