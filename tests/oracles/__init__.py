"""Slow, obvious and independent ways to the same answers. Nothing here imports jaxmech."""
