"""The journey of a query: from words to found moments."""
