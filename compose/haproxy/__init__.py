"""haproxy as the cloud balancer: one address in front of every nginx, and the runtime socket that takes one out."""
