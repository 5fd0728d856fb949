"""Live transcription: streaming recognition of a microphone, from packets to captions and a transcript."""
