"""Everything in one terminal: `runmend dev`, the demo, child processes, and the embedded cluster."""
