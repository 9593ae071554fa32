"""Likestorm: open-model load on Locust, with evidence of whether a service kept its latency budgets."""
