"""A candidate against a baseline: saved runs, or revisions that run in turn."""
