"""What is said: text that lies beside a video."""
