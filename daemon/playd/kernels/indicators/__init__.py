"""Indicators, one per file, each with its `SPEC`. What several of them share lies beside this folder."""
