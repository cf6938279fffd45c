"""The demo: a made-up company, its directory, a mailbox, and a story in three acts.

Act one is a normal day. In act two HR's file is wrong and the guards stop what it would have done.
In act three people answer, and exactly one change is carried out.
"""
