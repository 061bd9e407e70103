"""How good answers are: metrics, and whether one way to answer is better than another."""
