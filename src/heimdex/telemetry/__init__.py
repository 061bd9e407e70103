"""What heimdex writes about its own work."""
