"""Microsoft Graph: users and groups of an Entra ID tenant, over HTTP with JSON."""
