"""How the service is observed: metrics, timers wrapped around requests and stores, logs."""
