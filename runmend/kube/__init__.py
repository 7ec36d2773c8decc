"""The one way to Kubernetes: the client and its errors, objects read as facts, owners, and the notes that changes
leave.
"""
