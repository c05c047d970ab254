"""
Drills: a fault, put into real processes on purpose, and what is true afterwards.

A drill talks to processes, to HTTP and to files, never to objects of the daemon: it judges what anybody could see.
"""
