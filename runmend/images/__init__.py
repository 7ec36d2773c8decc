"""Image references, registries, pull secrets, and why pulls fail. Pure but for the registry's client."""
