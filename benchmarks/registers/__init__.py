"""Many small programs by one kernel of a graphics processor that keeps their state in registers; an experiment.

The package's own way on an accelerator is a loop over arrays of all lanes: every step moves each table through memory
many times. Here a kernel (Pallas, lowered by Triton) takes a few instances, runs start and steps on them, and touches
memory twice; a second one does the same for the exact end. The mathematics is not written again: the package's
functions are traced and evaluated entry by entry (``_unrolled``), the longer side of an instance's tables across
threads, the shorter one unrolled.

Three findings shape it. Triton's choice of layouts takes time in the number of memory operations by the square of all
others, so that one table is read and one is written (``_kernel``). Instances come before agents, so that sums over
agents stay within a warp, with neither shared memory nor barriers. Division in float64 branches, and branches keep a
thread from working on several quotients at a time, so that quotients and roots go without (``_branchless``).
"""

from benchmarks.registers._entries import Block
from benchmarks.registers._programs import block_for, in_registers

__all__ = ["Block", "block_for", "in_registers"]
