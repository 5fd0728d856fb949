"""Audio to words; knows no web, no SQL, no jobs."""
