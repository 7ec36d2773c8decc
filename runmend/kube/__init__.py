"""The one door to Kubernetes: the client and its errors, what is read as facts, owners, and the verbs that runbooks use."""
