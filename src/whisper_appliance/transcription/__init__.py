"""From a recording to a transcript: windows, retries, merging, hallucination filters."""
