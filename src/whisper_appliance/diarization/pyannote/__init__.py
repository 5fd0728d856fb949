"""The diarizer "pyannote": the pipeline of pyannote.audio's community-1 on ONNX Runtime."""
