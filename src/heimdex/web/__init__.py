"""The HTTP interface and the search page: thin handlers over the use cases."""
