"""`runmend simulate` and `runmend test`: runbooks at work in the embedded cluster, in seconds."""
