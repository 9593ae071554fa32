"""The outside world in one process: the push service and two social networks, which can be told to fail."""
