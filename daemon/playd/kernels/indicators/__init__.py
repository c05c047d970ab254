"""Indicators, one recurrence per file, each with its `SPEC`. They import `kernels.compiled` and `kernels.spec` only."""
