"""An engine in its own process: client, supervisor, queue, messages, child."""
