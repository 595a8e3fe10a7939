"""The canonical roll-forward in JAX (jit, scan over years, float64), where JAX is installed: a second yardstick.

Nothing else here needs JAX, so that no requirement names it: ``pip install jax`` beside the package measures it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np

from benchmarks.canonical import Canonical


def installed() -> bool:
    """Whether JAX is there."""
    return find_spec("jax") is not None


def version() -> str:
    """JAX's version."""
    import jax

    return str(jax.__version__)


def projector(world: Canonical) -> Callable[[], np.ndarray]:
    """A call that gives the yearly totals ``(Y, 3, P)``, compiled at the first one; inputs are on the device."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    paths, pieces = world.half.shape[3], world.slope.shape[2]
    half, opening = jnp.asarray(world.half), jnp.asarray(world.opening)[..., None]
    money, draw = (jnp.asarray(world.contribution)[..., None], jnp.asarray(world.draw)[:, None, None, None, None])
    live = jnp.asarray(world.live)[:, :, None, None, None]
    slope, level = (jnp.asarray(lines)[:, :, :, None, None] for lines in (world.slope, world.level))

    def year(balance: jax.Array, half_year: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
        grown = balance * half_year[0][:, None]
        out_of = grown * draw
        closing = (grown - out_of + money) * half_year[1][:, None] * live
        drawn = out_of[:, :, :, 0]
        tax = level[:, :, 0] + slope[:, :, 0] * drawn
        for k in range(1, pieces):
            tax = jnp.maximum(tax, level[:, :, k] + slope[:, :, k] * drawn)
        totals = tax.sum((0, 1, 2)), out_of.sum((0, 1, 2, 3)), closing.sum((0, 1, 2, 3))
        return jnp.concatenate([jnp.zeros_like(closing[:1]), closing[:-1]]), totals

    @jax.jit
    def run(half: jax.Array, opening: jax.Array) -> tuple[jax.Array, ...]:
        start = jnp.broadcast_to(opening, (*opening.shape[:4], paths))
        return jax.lax.scan(year, start, half)[1]

    return lambda: np.stack([np.asarray(part) for part in run(half, opening)], axis=1)
