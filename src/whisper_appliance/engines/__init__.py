"""Speech engines: one contract, one process for each loaded model, one package for each engine."""
