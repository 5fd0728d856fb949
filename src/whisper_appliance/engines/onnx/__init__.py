"""The engine that runs Whisper on ONNX Runtime."""
