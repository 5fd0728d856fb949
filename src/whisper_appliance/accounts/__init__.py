"""Who may use the appliance: users, their sessions and keys, shares, quotas, and a record of it all."""
