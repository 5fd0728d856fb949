"""The transcript: its model, its JSON codec, and its subtitle formats."""
