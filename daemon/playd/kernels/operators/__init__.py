"""Operators of rule conditions, one recurrence per file. They import `kernels.compiled` and `kernels.operators.spec` only."""
