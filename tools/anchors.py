"""Whether item-response anchors beat a control variate when a study has few checkpoints: `python -m tools.anchors`.

1,000 questions with 0/1 answers of a two-parameter logistic model: discriminations a lognormal(0, 0.4), difficulties b
normal(0, 1.2). Eight earlier checkpoints of ability -1 to 0.9 answered all of them, a ninth of ability 1.1 answers 100.
A question is right where a (ability - b) + noise > 0, the noise logistic; with the chance `persist` it is that of the
checkpoint before. The model is fitted on the eight by joint maximum a posteriori: a with a lognormal(0, 0.5) prior,
a b normal(0, 2). An ability is fitted on the ninth's answers, and the questions that weren't asked are filled in with
their chances, as the "p-IRT" of Polo et al. 2024, "tinyBenchmarks: evaluating LLMs with fewer examples", has it.
Informative questions are those of the largest Fisher information at the eighth checkpoint's ability.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["errors", "main"]

N, ASKED, SEED = 1_000, 100, 77
ABILITIES = np.append(np.linspace(-1, 0.9, 8), 1.1)

Floats = NDArray[np.float64]
Items = tuple[Floats, Floats]
"""a and d of each question: it is right with chance 1 / (1 + exp(-(a ability + d)))."""


def errors(persist: float, replicates: int) -> dict[str, Floats]:
    """Method -> error of the mean over all questions ``[replicates]``."""
    rng = np.random.default_rng([SEED, round(100 * persist)])
    rows = [_errors(rng, persist) for _ in range(replicates)]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def main(replicates: int = 300) -> None:
    """A line a method and share of persisting answers: root mean square and bias, in percentage points."""
    for persist in (0.0, 0.5, 0.9):
        for name, error in errors(persist, replicates).items():
            rms, bias = 100 * np.sqrt(np.mean(error**2)), 100 * error.mean()
            print(f"persist {persist:g}  {name:28s} {rms:5.1f} ({bias:+.1f})")


def _errors(rng: np.random.Generator, persist: float) -> dict[str, float]:
    a, b = np.exp(rng.normal(0, 0.4, N)), rng.normal(0, 1.2, N)
    noise, answers = rng.logistic(size=N), []
    for ability in ABILITIES:
        noise = np.where(rng.random(N) < persist, noise, rng.logistic(size=N))
        answers.append(np.where(a * (ability - b) + noise > 0, 1.0, 0.0))
    earlier, now = np.array(answers[:-1]), answers[-1]
    asked = rng.permutation(N)[:ASKED]
    fitted, true = _fit_items(earlier), (a, -a * b)
    found = {
        "plain mean": float(now[asked].mean()),
        "control variate": _regression(now, earlier[-1], asked),
        "fitted": _filled_in(now, fitted, asked),
        "fitted, informative": _filled_in(now, fitted, _informative(earlier[-1], fitted)),
        "true, informative": _filled_in(now, true, _informative(earlier[-1], true)),
    }
    return {name: mean - float(now.mean()) for name, mean in found.items()}


def _regression(y: Floats, x: Floats, asked: NDArray[np.int64]) -> float:
    """The estimate of `pyscore.metrics.control_variate`."""
    dy, dx = y[asked] - y[asked].mean(), x[asked] - x[asked].mean()
    return float(y[asked].mean() + (dx @ dy) / max(dx @ dx, 1e-9) * (x.mean() - x[asked].mean()))


def _chances(ability: float, items: Items) -> Floats:
    return np.asarray(1 / (1 + np.exp(-(items[0] * ability + items[1]))))


def _filled_in(y: Floats, items: Items, asked: NDArray[np.int64]) -> float:
    chances = _chances(_fit_ability(y[asked], (items[0][asked], items[1][asked])), items)
    chances[asked] = y[asked]
    return float(chances.mean())


def _informative(y: Floats, items: Items) -> NDArray[np.int64]:
    p = _chances(_fit_ability(y, items), items)
    return np.argsort(-(items[0] ** 2) * p * (1 - p))[:ASKED]


def _fit_ability(y: Floats, items: Items) -> float:
    """Newton's method with a wide normal prior, its steps cut at 1."""
    a, ability = items[0], 0.0
    for _ in range(30):
        p = _chances(ability, items)
        step = (a @ (y - p) - 0.05 * ability) / (a**2 @ (p * (1 - p)) + 0.05)
        ability += float(np.clip(step, -1, 1))
    return ability


def _fit_items(answers: Floats) -> Items:
    """One Newton step after another of d, a and the abilities, which are kept at mean 0 and standard deviation 1."""
    abilities, log_a = np.linspace(-1, 1, len(answers)), np.zeros(N)
    p = np.clip(answers.mean(axis=0), 0.1, 0.9)
    d = np.log(p / (1 - p))
    for _ in range(60):
        for _ in range(2):
            p = 1 / (1 + np.exp(-(np.exp(log_a) * abilities[:, None] + d)))
            d += ((answers - p).sum(axis=0) - d / 4) / ((p * (1 - p)).sum(axis=0) + 1 / 4)
            slopes = np.exp(log_a) * abilities[:, None]
            p = 1 / (1 + np.exp(-(slopes + d)))
            step = ((answers - p) * slopes).sum(axis=0) - 4 * log_a
            log_a = np.clip(log_a + step / ((p * (1 - p) * slopes**2).sum(axis=0) + 4), -2, 2)
        a = np.exp(log_a)
        p = 1 / (1 + np.exp(-(a * abilities[:, None] + d)))
        abilities = abilities + ((answers - p) @ a) / ((p * (1 - p)) @ a**2 + 0.01)
        mean, spread = abilities.mean(), abilities.std()
        abilities, d, log_a = (abilities - mean) / spread, d + a * mean, log_a + np.log(spread)
    return np.exp(log_a), d


if __name__ == "__main__":
    main()
