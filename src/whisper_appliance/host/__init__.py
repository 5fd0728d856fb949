"""The machine the appliance runs on: certificates, figures, updates."""
