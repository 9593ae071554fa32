"""What the workers run, one module a queue."""
