"""What the connectors of directories share: the wire, names, schema, values, writing."""
