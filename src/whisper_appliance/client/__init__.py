"""Clients of the appliance, used by the command line, tests and benchmarks."""
