"""Comparison of a candidate with a baseline: saved runs, or revisions that run interleaved."""
