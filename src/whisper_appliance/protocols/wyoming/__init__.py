"""The Wyoming protocol of Home Assistant: speech over TCP, on a port of its own."""
