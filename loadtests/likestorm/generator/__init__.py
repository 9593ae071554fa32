"""The load generator: open-model arrivals inside Locust's processes, each request timed from when it was due."""
