"""What a run drives: a service at a URL, or a class that a scenario names."""
