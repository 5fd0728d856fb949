"""Work that waits and survives a crash."""
