"""The process of an engine: its client, its start, its windows that wait."""
