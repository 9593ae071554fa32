"""What the judge asks of a record: whether it can be trusted, and whether its budgets are met."""
