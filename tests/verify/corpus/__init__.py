"""Deliberately bad runs, each of which must be called invalid for the right reason, and clean ones, which must not."""
