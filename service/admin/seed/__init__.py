"""The seeded data: a population that follows from a number, and how it is loaded."""
