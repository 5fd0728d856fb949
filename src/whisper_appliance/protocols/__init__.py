"""Live protocols: each is a package of its own, listed in `registry`."""
