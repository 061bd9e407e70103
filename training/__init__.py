"""Training of the pocket model and rendering of the demo library; nothing here is imported by the product."""
