"""Candles from files, from a seeded generator, from a venue: sources, the hub that shares them, and their quality."""
