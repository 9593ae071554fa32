"""PgBouncer and its configuration."""
