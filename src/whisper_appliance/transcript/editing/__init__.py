"""Corrections of a transcript: operations on segments, times of edited words, and differences."""
