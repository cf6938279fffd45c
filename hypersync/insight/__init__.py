"""Questions that only read: what the pages, the API and the command line show of the store.

One module for each subject. They write nothing, decide nothing and cost what is shown, not what
was ever stored: a list is read page by page, by key.
"""
