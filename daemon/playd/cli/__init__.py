"""
The two programs: `playd` (the daemon and research, no daemon needed) and `playctl` (talks to a running daemon).

May import everything. Nobody imports this.
"""
