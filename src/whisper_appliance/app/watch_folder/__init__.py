"""The watch folder: recordings in it are transcribed, and their results written beside them."""
