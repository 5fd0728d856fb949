"""The JSON API of the appliance."""
