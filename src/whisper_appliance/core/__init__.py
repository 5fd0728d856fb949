"""For every package: errors, the clock, the audio format, the sandbox. Imports no other package of ours."""
