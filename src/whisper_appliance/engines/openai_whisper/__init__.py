"""The engine that runs Whisper with PyTorch, through openai-whisper."""
