"""Video files: one decoding pass in a child process. The only folder that imports PyAV."""
