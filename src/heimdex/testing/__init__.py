"""Fakes of every port, and things to test with."""
