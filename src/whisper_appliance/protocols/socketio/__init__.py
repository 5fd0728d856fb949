"""Live speech over Socket.IO."""
