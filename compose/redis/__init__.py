"""Redis and its configuration."""
