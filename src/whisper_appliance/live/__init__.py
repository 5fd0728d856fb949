"""A microphone that is on now: captions while somebody speaks, and a transcript in the end."""
