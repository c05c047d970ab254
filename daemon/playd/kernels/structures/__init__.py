"""Detectors of market structure: kernels of the one convention that also read the outputs of one another (play-language 6)."""
