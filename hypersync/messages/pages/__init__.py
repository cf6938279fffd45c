"""One frozen view for each web page: what its template shows, worded already. Pure."""
