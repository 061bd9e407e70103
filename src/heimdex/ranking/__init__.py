"""Pure functions of retrieval: one algorithm a file, no I/O, no clock, no randomness."""
