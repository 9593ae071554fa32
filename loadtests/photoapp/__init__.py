"""The reference stack as a target of the instrument."""
