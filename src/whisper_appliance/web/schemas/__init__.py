"""The response models of the JSON APIs."""
