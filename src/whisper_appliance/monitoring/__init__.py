"""Metrics, status, statistics, checks of the installation, logs."""
