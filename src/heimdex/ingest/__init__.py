"""From paths to searchable scenes: the journey of a video."""
