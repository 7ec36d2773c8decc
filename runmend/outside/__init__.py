"""What runs ask of others than Kubernetes: Prometheus, and addresses by HTTP. Reads only."""
