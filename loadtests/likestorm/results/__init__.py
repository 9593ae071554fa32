"""What a run measured, from the generator, from Prometheus and from the target: frozen data and versioned JSON."""
