"""The engine that runs Whisper with CTranslate2, through faster-whisper."""
