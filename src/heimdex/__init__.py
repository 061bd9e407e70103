"""heimdex finds moments in a person's videos by what is seen and what is said."""

__version__ = "0.1.0"
