"""The results of a run, from the generator, Prometheus and the target: frozen data and versioned JSON."""
