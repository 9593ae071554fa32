"""Verdicts on a record: intervals, budgets and validity checks; pure functions."""
