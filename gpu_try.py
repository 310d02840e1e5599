"""Measure the kernel with its state in registers: ``python gpu_try.py OUTDIR`` (one process per variant)."""

import fcntl
import json
import os
import subprocess
import sys
import time
import traceback

VARIANTS = [  # agents, distributions, instances of a block, warps of a block, without branches, one agent a thread
    (10, 5, 16, 4, 1, 0),
    (10, 5, 8, 2, 1, 0),
    (10, 5, 8, 4, 1, 1),
    (10, 5, 32, 8, 1, 0),
    (10, 5, 4, 1, 1, 0),
    (10, 5, 16, 4, 0, 0),
    (3, 2, 64, 4, 1, 0),
    (3, 2, 16, 1, 1, 0),
    (3, 2, 16, 1, 0, 0),
    (10, 5, 16, 8, 1, 1),
    (10, 5, 8, 4, 0, 1),
    (3, 2, 16, 2, 1, 1),
]
WALL = 118.0
N = int(os.environ.get("TRY_N", "1000000"))
SMALL = min(N, 20_000)


def say(out, record):
    line = json.dumps(record)
    print(line, flush=True)
    with open(os.path.join(out, "try.json"), "a") as file:
        file.write(line + "\n")


def child(out, m, d, lanes, warps, branchless, narrow):
    os.environ.update(BRANCHLESS=str(branchless), NARROW=str(narrow))
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    from benchmarks.accelerator import binding
    from jaxmech.numerics import _many
    from jaxmech.numerics._active_set import Interior
    from jaxmech.numerics._newton import ORDINARY
    from jaxmech.numerics._program import Kind, Program
    from jaxmech.numerics._registers import stream_in_registers
    from jaxmech.numerics._unrolled import Block

    interpret = jax.default_backend() == "cpu"
    began, kind = time.time(), Kind.WEIGHTED
    inside, end = _many._methods(kind, ORDINARY)

    def data(n):
        c = jax.jit(binding, static_argnums=(1, 2, 3))(jax.random.key(0), N, m, d)[:n]
        one = jnp.ones((n, m))
        alone = 2 * jnp.sum(jnp.sqrt(c), 2)
        return Program(
            c, jnp.ones((n, d)), one, alone, 0 * one, jnp.ones((n, m, d), bool), jnp.ones((n, m), bool)
        )

    block = Block(m, lanes, warps)
    one = _many._one(data(1))
    after = jax.eval_shape(lambda p: inside.result(inside.start(p)), one)

    def kernel(method, one):
        return lambda rows, skip: stream_in_registers(method, rows, skip, one, block, interpret)

    base = {"m": m, "d": d, "lanes": lanes, "warps": warps, "branchless": branchless, "narrow": narrow}

    def timed(name, function, *arguments):
        t = time.time()
        try:
            traced = jax.jit(function).lower(*arguments)
            t1 = time.time()
            compiled = traced.compile()
            memory = str(compiled.memory_analysis())[:300] if hasattr(compiled, "memory_analysis") else ""
            say(out, {**base, "what": name, "lower_s": t1 - t, "compile_s": time.time() - t1, "at": time.time() - began})
            lock = open(os.path.join(out, "gpu.lock"), "w")
            fcntl.flock(lock, fcntl.LOCK_EX)
            times = []
            try:
                result = jax.block_until_ready(compiled(*arguments))
                for _ in range(3):
                    t = time.time()
                    result = jax.block_until_ready(compiled(*arguments))
                    times.append(time.time() - t)
            finally:
                fcntl.flock(lock, fcntl.LOCK_UN)
            say(out, {**base, "what": name, "run_s": min(times), "all": times, "memory": memory})
            return result
        except Exception as error:
            say(out, {**base, "what": name, "error": str(error)[:2000], "trace": traceback.format_exc()[-1500:]})
            return None

    program, skip = data(N), jnp.zeros(N, bool)
    say(out, {**base, "what": "began", "jax": jax.__version__, "backend": jax.default_backend()})
    first = timed(
        "inside", kernel(inside, one), program, skip
    )
    lanes_now = _many.lanes_for(m, d, 8)
    if first is None:
        return
    say(out, {**base, "what": "steps inside", "mean": float(first[3].mean()), "finite": int(jnp.isfinite(first[0].value).all(1).sum())})
    interior = Interior(program, *first[:3])
    found = timed(
        "end", kernel(end, Interior(one, *after[:3])), interior, skip
    )
    few, none = data(SMALL), jnp.zeros(SMALL, bool)
    now = timed("present way, few", lambda p, s: _many._by_rows(kind, p, s, lanes_now), few, none)
    if found is not None and now is not None:
        amount = found.iterate.amount[:SMALL]
        apart = jnp.abs(amount - now.iterate.amount).max((1, 2)) / now.iterate.amount.max((1, 2))
        say(out, {
            **base, "what": "agreement", "largest": float(apart.max()), "verified": int(found.verified[:SMALL].sum()),
            "verified now": int(now.verified.sum()), "steps differ": int(((found.steps + first[3])[:SMALL] != now.steps).sum()),
            "steps": float((found.steps + first[3]).mean()), "not verified of all": int((~found.verified).sum()),
            "at": time.time() - began,
        })
    if (m, lanes, warps) in ((10, 4, 1), (3, 64, 4)):
        timed("present way, all", lambda p, s: _many._by_rows(kind, p, s, lanes_now), program, skip)


def main(out):
    os.makedirs(out, exist_ok=True)
    began, running = time.time(), []
    for variant in VARIANTS:
        if os.environ.get("TRY_ONLY") and ",".join(map(str, variant)) not in os.environ["TRY_ONLY"].split(";"):
            continue
        command = [sys.executable, __file__, out, *map(str, variant)]
        running.append(subprocess.Popen(command))
        time.sleep(0.5)
    while time.time() - began < WALL and any(process.poll() is None for process in running):
        time.sleep(1)
    for process in running:
        if process.poll() is None:
            process.kill()
    print("over", time.time() - began, [process.poll() for process in running], flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        main(sys.argv[1])
    else:
        child(sys.argv[1], *map(int, sys.argv[2:]))
