"""What the use cases need from outside: Protocols, implemented by the adapters."""
