"""MemOS's own client against our server: `make test-official-client`. No pytest here: the client has its own Python."""
