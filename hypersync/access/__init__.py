"""Who somebody is to the pages and the API, and what they may do there."""
