"""What heimdex talks about: frozen dataclasses and the error tree. Imports nothing but numpy."""
