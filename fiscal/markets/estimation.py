"""What a model of Bitcoin's months can be estimated to be, and how little the data say.

The study behind ``data/derived/market_fit.csv`` (built by ``fiscal markets fit``): two-state Markov switching in
the mean with a common or a switching variance, and three states (statsmodels, many random starts:
"converged" says nothing), an independent normal beside it with a bootstrapped likelihood-ratio test of the
two, GARCH(1,1) with Student t shocks and the block length of a stationary bootstrap (arch). The path models
take their parameters from the stored table.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from fiscal.base import sources
from fiscal.base.progress import Progress, steps
from fiscal.markets.history import MONTHS_PER_YEAR, monthly_log_returns

if TYPE_CHECKING:
    import pandas as pd

STARTS = 20
FIRST_MONTH = "2014-01"
"""From here the fit is stable, and all assets have months."""
FULL_SAMPLE = "2010-08"
AGREEMENT = 1e-3
"""Log-likelihoods this close count as the same maximum."""
REPLICATIONS = 199
REGIME_TEST = "regime_test"
TABLE = "market_fit"


def crypto_months(first: str = FIRST_MONTH) -> np.ndarray:
    """Bitcoin's monthly log returns from ``first`` on, the last month with all assets the end."""
    returns = monthly_log_returns(first)
    return returns.dropna()["crypto"].to_numpy() if first >= FIRST_MONTH else returns["crypto"].dropna().to_numpy()


def iid_fit(returns: np.ndarray) -> dict[str, float]:
    """Independent normal months: mean, sd, log-likelihood, BIC."""
    n, sd = len(returns), returns.std()
    loglike = -0.5 * n * (np.log(2 * np.pi * sd**2) + 1)
    return {"mean": float(returns.mean()), "sd": float(sd), "loglike": loglike, "bic": 2 * np.log(n) - 2 * loglike}


def _best_of_starts(
    returns: np.ndarray, *, states: int, switching_variance: bool, starts: int, seed: int
) -> tuple[Any, int]:
    """The best fit of many random starts, and how many starts reached its log-likelihood to 1e-3."""
    from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

    model = MarkovRegression(returns, k_regimes=states, switching_variance=switching_variance)
    rng = np.random.Generator(np.random.Philox(key=[seed, states - 1]))
    spread, found = returns.std(), []
    for _ in range(starts):
        # stays with .6 to .98, the rest divided among the other states
        stay = rng.uniform(0.6, 0.98, states)
        moves = np.diag(stay) + (1 - np.eye(states)) * ((1 - stay) / (states - 1))[:, None]
        means = returns.mean() + spread * rng.normal(0, 1, states)
        variances = spread**2 * rng.uniform(0.3, 1.5, states if switching_variance else 1)
        start = np.concatenate([moves[:, :-1].T.ravel(), means, variances])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                fitted = model.fit(start_params=start, disp=False, maxiter=400)
            except (np.linalg.LinAlgError, ValueError):
                continue
        if np.isfinite(fitted.llf):
            found.append(fitted)
    best = max(found, key=lambda one: one.llf)
    return best, sum(one.llf > best.llf - AGREEMENT for one in found)


def switching_fit(
    returns: np.ndarray, *, switching_variance: bool = False, starts: int = STARTS, seed: int = 1
) -> dict[str, float]:
    """Two states of the monthly mean. States in the order of their means; ``agree`` of ``starts`` random starts
    reached the best log-likelihood to 1e-3.

    Keys: ``mean_low, mean_high, sd`` (``sd_low, sd_high`` when the variance switches), ``stay_low,
    stay_high``, ``months_low, months_high`` (expected durations), each of the first with ``_se``;
    ``loglike, bic, starts, agree``.
    """
    best, agree = _best_of_starts(returns, states=2, switching_variance=switching_variance, starts=starts, seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        errors = np.sqrt(np.maximum(np.diag(best.cov_params()), 0.0))
    # parameters: p(0 stays), p(1 -> 0), mean 0, mean 1, variance(s)
    values = best.params
    low, high = np.argsort(values[2:4])
    staying = (values[0], 1 - values[1])
    result = {
        "mean_low": values[2 + low], "mean_low_se": errors[2 + low],
        "mean_high": values[2 + high], "mean_high_se": errors[2 + high],
        "stay_low": staying[low], "stay_low_se": errors[low],
        "stay_high": staying[high], "stay_high_se": errors[high],
        "months_low": 1 / (1 - staying[low]), "months_high": 1 / (1 - staying[high]),
        "loglike": best.llf, "bic": len(values) * np.log(len(returns)) - 2 * best.llf,
        "starts": starts, "agree": agree,
    }  # fmt: skip
    names = [("sd_low", 4 + low), ("sd_high", 4 + high)] if switching_variance else [("sd", 4)]
    for name, at in names:
        sd = np.sqrt(values[at])
        result[name], result[f"{name}_se"] = sd, errors[at] / (2 * sd)
    return {key: float(value) for key, value in result.items()}


def three_state_fit(returns: np.ndarray, *, starts: int = STARTS, seed: int = 1) -> dict[str, float]:
    """Three states of the mean: log-likelihood, BIC and how many starts agree; too few to be used."""
    best, agree = _best_of_starts(returns, states=3, switching_variance=False, starts=starts, seed=seed)
    bic = len(best.params) * np.log(len(returns)) - 2 * best.llf
    return {"loglike": float(best.llf), "bic": float(bic), "starts": float(starts), "agree": float(agree)}


def regime_test(
    returns: np.ndarray, *, replications: int = REPLICATIONS, starts: int = 4, seed: int = 1
) -> dict[str, float]:
    """Likelihood ratio of two states against none with its parametric bootstrap: twice the gain of the
    log-likelihood on the record, and the share of samples of independent normal months that gain as much.

    The ratio has no chi-square distribution here: the states are not identified when there is one.
    """

    def ratio(sample: np.ndarray) -> float:
        best, _ = _best_of_starts(sample, states=2, switching_variance=False, starts=starts, seed=seed)
        return max(2 * (float(best.llf) - iid_fit(sample)["loglike"]), 0.0)

    own = ratio(returns)
    rng = np.random.Generator(np.random.Philox(key=[seed, 100]))
    drawn = rng.normal(returns.mean(), returns.std(), (replications, len(returns)))
    beyond = sum(ratio(sample) >= own for sample in drawn)
    return {"likelihood_ratio": own, "p_value": (1 + beyond) / (1 + replications), "replications": float(replications)}


def garch_fit(returns: np.ndarray) -> dict[str, float]:
    """GARCH(1,1) with Student t shocks: ``mean, omega, alpha, beta, degrees_of_freedom`` with ``_se``."""
    from arch import arch_model

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = arch_model(100 * returns, vol="GARCH", p=1, q=1, dist="t").fit(disp="off")
    result: dict[str, float] = {}
    for name, key, scale in (
        ("mean", "mu", 100.0), ("omega", "omega", 1e4), ("alpha", "alpha[1]", 1.0), ("beta", "beta[1]", 1.0),
        ("degrees_of_freedom", "nu", 1.0),
    ):  # fmt: skip
        result[name] = float(fitted.params[key] / scale)
        result[f"{name}_se"] = float(fitted.std_err[key] / scale)
    loglike = float(fitted.loglikelihood) + len(returns) * np.log(100)
    result |= {"loglike": loglike, "bic": 5 * np.log(len(returns)) - 2 * loglike}
    return result


def block_months(returns: np.ndarray) -> float:
    """Mean block length of the stationary bootstrap that suits the size of the returns (Politis and White)."""
    from arch.bootstrap import optimal_block_length

    return float(optimal_block_length(np.abs(returns))["stationary"].iloc[0])


def study(progress: Progress | None = None, *, with_test: bool = True) -> pd.DataFrame:
    """Every estimate, one row a parameter: ``study, parameter, value, standard_error, unit, months``.

    ``with_test=False`` leaves out the bootstrapped test of regimes, which takes a minute.
    """
    import pandas as pd

    recent, full = crypto_months(), crypto_months(FULL_SAMPLE)
    parts: list[tuple[str, np.ndarray, Callable[[np.ndarray], dict[str, float]]]] = [
        ("iid", recent, iid_fit),
        ("switching_mean", recent, switching_fit),
        ("switching_mean_and_variance", recent, lambda r: switching_fit(r, switching_variance=True)),
        ("switching_mean_three_states", recent, three_state_fit),
        ("switching_mean_full_sample", full, switching_fit),
        ("garch_t", recent, garch_fit),
        ("bootstrap", recent, lambda r: {"block_months": block_months(r)}),
    ]
    if with_test:
        parts.append((REGIME_TEST, recent, regime_test))
    rows = []
    for name, returns, fit in steps(parts, progress, lambda part: part[0]):
        found = fit(returns)
        for parameter, value in found.items():
            if parameter.endswith("_se"):
                continue
            error = found.get(f"{parameter}_se", np.nan)
            rows.append((name, parameter, value, error, _unit(parameter), len(returns)))
    rows += [("dependence", *row) for row in _dependence()]
    frame = pd.DataFrame(rows, columns=["study", "parameter", "value", "standard_error", "unit", "months"])
    for column in ("value", "standard_error"):
        frame[column] = frame[column].map(lambda value: float(f"{value:.6g}"))
    return frame


def _dependence() -> list[tuple[str, float, float, str, int]]:
    """Correlations of monthly log returns with equity and joint falls: parameter, value, nan, unit, months."""
    joint = monthly_log_returns(FIRST_MONTH).dropna()
    every = monthly_log_returns(FULL_SAMPLE)[["crypto", "equity"]].dropna()
    last = joint[-60:]
    correlations = {
        "equity_correlation": (joint["crypto"].corr(joint["equity"]), len(joint)),
        "equity_correlation_full_sample": (every["crypto"].corr(every["equity"]), len(every)),
        "equity_correlation_last_60": (last["crypto"].corr(last["equity"]), len(last)),
        "private_equity_with_equity": (joint["private_equity"].corr(joint["equity"]), len(joint)),
    }
    worst = joint.nsmallest(10, "equity")
    falls = float((worst["crypto"] < 0).sum())
    return [
        *((name, value, np.nan, "share", months) for name, (value, months) in correlations.items()),
        ("crypto_falls_in_ten_worst_equity_months", falls, np.nan, "months", len(joint)),
    ]


def _unit(parameter: str) -> str:
    if parameter in ("loglike", "bic"):
        return "log-likelihood points"
    if parameter in ("starts", "agree"):
        return "starts"
    if parameter in ("likelihood_ratio", "replications"):
        return "log-likelihood points" if parameter == "likelihood_ratio" else "samples"
    if parameter.startswith("months") or parameter == "block_months":
        return "months"
    if parameter == "degrees_of_freedom":
        return "degrees"
    return "share" if parameter.startswith(("stay", "alpha", "beta", "p_value")) else "log return a month"


def store(frame: pd.DataFrame) -> None:
    """Write the study into the data folder with its provenance."""
    import arch
    import statsmodels

    sources.store(
        TABLE,
        frame,
        extra={
            "library": f"statsmodels {statsmodels.__version__}, arch {arch.__version__}",
            "inputs": {"monthly_prices": sources.resource("monthly_prices").sha256},
        },
    )


def stored(name: str) -> dict[str, float]:
    """Parameters of one study as stored. Raises KeyError for a study that is not there."""
    table = sources.table("market_fit")
    part = table[table["study"] == name]
    if part.empty:
        raise KeyError(name)
    return dict(zip(part["parameter"], part["value"].astype(float), strict=True))


def sample_volatility(returns: np.ndarray) -> float:
    """Volatility a year of monthly log returns."""
    return float(returns.std(ddof=1) * np.sqrt(MONTHS_PER_YEAR))
