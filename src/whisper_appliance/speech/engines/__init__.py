"""The engines behind the contract of `speech.engine`, one a file."""
