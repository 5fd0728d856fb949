"""Copies of what the appliance keeps, and the way back."""
