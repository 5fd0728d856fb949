"""The Socket.IO protocol: live events, simple events, viewers of captions, and telemetry for admins."""
