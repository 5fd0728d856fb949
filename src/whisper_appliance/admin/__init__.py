"""The admin panel: one module for each noun."""
