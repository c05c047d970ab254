"""
The two programs: `playd` (the daemon and research, no daemon needed) and `playctl` (talks to a running daemon).

May import everything. Nobody imports this.
"""

from playd.world.kernel_cache import use_kernel_cache

# Here, because every program's import passes through this file before it can reach a kernel.
use_kernel_cache()
