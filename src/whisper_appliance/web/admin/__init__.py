"""The admin panel: a file a noun, each with its page under /admin and its resource under /api/admin."""
