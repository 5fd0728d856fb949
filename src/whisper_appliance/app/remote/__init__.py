"""Recordings that other servers have: at an address, as episodes of a podcast, or in a page."""
