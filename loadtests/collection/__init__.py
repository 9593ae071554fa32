"""What a run collects beside what its clients saw: machine and versions, hops, memory, values of Prometheus."""
