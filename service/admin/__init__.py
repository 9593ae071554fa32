"""Commands around the service: its schema, its seeded data, and what it has stored."""
