"""How fast, how small and how right the appliance is, beside the libraries it could be replaced with."""
