"""Any container to 16 kHz mono PCM, decoded in a sandboxed process."""
