"""PostgreSQL: configuration, clusters with their replicas, and the map of logical shards."""
