"""The command line: one file a command, heavy imports only inside of the commands that need them."""
