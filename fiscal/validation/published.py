"""Published numbers that the model is held against: the table, as it was written down beforehand."""

from __future__ import annotations

import pandas as pd

from fiscal import sources


def targets() -> pd.DataFrame:
    """The rows by ``id``; basis, model year and bridge of a ``level`` or ``order`` row precede its first comparison."""
    return sources.table("published_targets").set_index("id")
