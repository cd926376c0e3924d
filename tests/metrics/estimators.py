"""Every public function of pyscore.metrics that gives intervals: a call on drawn inputs, and the ranges it stays in."""

from __future__ import annotations

from math import inf

import numpy as np

from pyscore import metrics
from tests.metrics.calls import (
    Estimator,
    Row,
    bbq,
    both_kinds,
    columns,
    documents,
    over,
    points,
    presets,
    rows,
    sequential_test,
    summary_state,
)

REAL, NONNEGATIVE, SHARE, DIFFERENCE = (-inf, inf), (0.0, inf), (0.0, 1.0), (-1.0, 1.0)

_SUMMARY = {"mean_log_odds": REAL, "": SHARE}
_DIFFERENCE = {"mean_log_odds": REAL, "": DIFFERENCE}
_CORRELATED = {"pearson": DIFFERENCE, "spearman": DIFFERENCE, "": SHARE}
_CALIBRATED = {"nll": NONNEGATIVE, "": SHARE}
_OBSERVED = (Row("observed", "observed_low", "observed_high"),)
_NOT_RESAMPLED = ("auto", "t", "wilson")


ESTIMATORS: dict[str, Estimator] = {
    "answer_change": Estimator(lambda x: metrics.answer_change(x.words(), x.words(), **over(x))),
    "apply_preset": Estimator(
        presets,
        dict.fromkeys(("loss", "inverted_loss", "bits_per_byte"), NONNEGATIVE)
        | {"total_logprob": (-inf, 0.0), "logodds_difference": REAL, "brier_score": (0.0, 2.0), "": SHARE}
        | dict.fromkeys(("mean_probability_raw", "mean_coverage", "coverage"), NONNEGATIVE)
        | dict.fromkeys(("byte_perplexity", "word_perplexity"), (1.0, inf)),
    ),
    "asymptotic_sequence": Estimator(
        lambda x: metrics.asymptotic_sequence(
            x.reals(), best_at=10, first=2, clusters=x.clusters, confidence=x.confidence
        ),
        {"": REAL},
        (Row(range=REAL),),
        "fewer than first = 2",
        anytime=True,
    ),
    "auroc": Estimator(
        lambda x: metrics.auroc(x.infinite(), both_kinds(x), **over(x, *_NOT_RESAMPLED)), refuses="positive holds no"
    ),
    "bbq_bias": Estimator(
        bbq,
        dict.fromkeys(
            ("bias_ambiguous", "bias_disambiguated", "probability_bias_ambiguous", "probability_bias_disambiguated"),
            DIFFERENCE,
        )
        | {"": SHARE},
    ),
    "best_of": Estimator(
        lambda x: [
            metrics.best_of(
                columns(x, 3),
                weights=x.weights,
                method=method,
                **over(x, *_NOT_RESAMPLED),
            )
            for method in ("hybrid", "conditional", "projection")
        ]
    ),
    "biased_feature": Estimator(
        lambda x: metrics.biased_feature(x.words(), x.words(), x.words(), x.words(), **over(x)),
        dict.fromkeys(("accuracy_drop", "accuracy_drop_if_bias_is_wrong", "net_shift"), DIFFERENCE) | {"": SHARE},
    ),
    "calibration": Estimator(lambda x: metrics.calibration(x.shares(), x.rates(), **over(x)), _CALIBRATED, _OBSERVED),
    "compare_many": Estimator(
        lambda x: metrics.compare_many(
            {
                name: metrics.paired_difference(
                    x.comparison(), x.comparison(), clusters=x.clusters, confidence=x.confidence
                )
                for name in "ab"
            },
            metric="preference_rate",
        ),
        rows=(Row("difference", range=DIFFERENCE),),
    ),
    "comparison_calibration": Estimator(
        lambda x: metrics.comparison_calibration(x.comparison(), **over(x)), _CALIBRATED, _OBSERVED
    ),
    "confidence_sequence": Estimator(
        lambda x: metrics.confidence_sequence(x.shares(), clusters=x.clusters, confidence=x.confidence),
        rows=(Row(),),
        anytime=True,
    ),
    "contrast": Estimator(
        lambda x: metrics.contrast(columns(x, 2), [-1.0, 1.0], weights=x.weights, **over(x)),
        {"": DIFFERENCE},
    ),
    "control_variate": Estimator(
        lambda x: metrics.control_variate(
            x.shares(), x.shares(), 0.5, n_all=2 * x.n, clusters=x.clusters, confidence=x.confidence
        ),
        {"change": DIFFERENCE, "": SHARE},
    ),
    "curve": Estimator(
        lambda x: metrics.curve(columns(x, 3), against=0, weights=x.weights, **over(x)),
        rows=(Row(), Row("mean", "band_low", "band_high")),
    ),
    "debate_accuracy": Estimator(
        lambda x: metrics.debate_accuracy(
            x.logprobs(2 * x.n),
            x.logprobs(2 * x.n),
            np.repeat([1, 0], x.n),
            debate_id=np.tile(np.arange(x.n), 2),
            clusters=None if x.clusters is None else np.tile(x.clusters, 2),
            interval=x.interval(),
        )
    ),
    "equivalence": Estimator(
        lambda x: [
            metrics.equivalence(x.comparison(), x.comparison(), margin=0.1, paired=paired, clusters=x.clusters)
            for paired in (True, False)
        ],
        {"": DIFFERENCE},
    ),
    "estimate_difference": Estimator(
        lambda x: metrics.estimate_difference(x.infinite(), x.infinite(), **over(x)), {"": REAL}
    ),
    "estimate_mean": Estimator(
        lambda x: metrics.estimate_mean(x.shares(), weights=x.weights, scale=metrics.SHARE, **over(x))
    ),
    "estimate_rate": Estimator(lambda x: metrics.estimate_rate(x.shares(), weights=x.weights, **over(x))),
    "estimate_ratio": Estimator(
        lambda x: metrics.estimate_ratio(
            x.shares(), 1 + x.rng.integers(0, 9, x.n), scale=metrics.NONNEGATIVE, **over(x)
        ),
        {"": NONNEGATIVE},
    ),
    "forward_kl": Estimator(
        lambda x: metrics.forward_kl(x.losses()[:, None], x.losses()[:, None], **over(x)), {"": REAL}
    ),
    "label_confidence": Estimator(
        lambda x: metrics.label_confidence(x.shares(), x.shares(), **over(x)),
        _CORRELATED,
        (Row(),),
        "confidence is 0 everywhere",
    ),
    "multiclass_calibration": Estimator(
        lambda x: metrics.multiclass_calibration(
            x.logprobs(3 * x.n), np.arange(0, 3 * x.n + 1, 3), 2 * x.rates().astype(int), **over(x)
        ),
        {"brier": (0.0, 2.0), **_CALIBRATED},
        _OBSERVED,
    ),
    "occupation_bias": Estimator(
        lambda x: metrics.occupation_bias(
            x.logprobs(3 * x.n).reshape(x.n, 3), x.words(), {"a": 10, "b": 20, "c d": 30, "": 80}, **over(x)
        ),
        {"coverage": NONNEGATIVE, **_CORRELATED},
    ),
    "option_accuracy": Estimator(
        lambda x: metrics.option_accuracy(
            [f"({word.upper()[:1]})" for word in x.words()], ["A"] * x.n, ["A", "B", "C"], **over(x)
        )
    ),
    "paired_difference": Estimator(
        lambda x: metrics.paired_difference(
            x.comparison(), x.comparison(), clusters=x.clusters, confidence=x.confidence
        ),
        _DIFFERENCE,
    ),
    "pareto_candidates": Estimator(
        lambda x: metrics.pareto_candidates("ab", {"one": columns(x, 2)}, clusters=x.clusters, interval=x.interval()),
        refuses="one question|one cluster|effective",
    ),
    "power_analysis": Estimator(
        lambda x: metrics.power_analysis(x.shares(), x.shares(), clusters=x.clusters),
        {"difference": DIFFERENCE, "variance": NONNEGATIVE, "discordance": SHARE},
        refuses="no spread to plan with",
    ),
    "preference_model": Estimator(
        lambda x: metrics.preference_model(x.infinite(), x.infinite(), **over(x)),
        {"log_loss": NONNEGATIVE, "": SHARE},
    ),
    "rank_intervals": Estimator(
        lambda x: metrics.rank_intervals(columns(x, 3), **over(x)),
        rows=(Row("rank", "rank_low", "rank_high", (1.0, 3.0), may_be_equal=True),),
        refuses="one question|one cluster|effective",
    ),
    "ratings": Estimator(
        lambda x: metrics.ratings(
            ["a"] * x.n, ["b" if row % 2 else "c" for row in range(x.n)], x.rates(), **over(x, "auto", "bootstrap")
        ),
        {"": REAL},
    ),
    "red_team": Estimator(lambda x: metrics.red_team(x.shares(), **over(x))),
    "same_answer_curve": Estimator(
        lambda x: metrics.same_answer_curve(
            np.column_stack([x.words(), x.words()]), x.words(), [0, 0.5], cot_lengths=1 + x.shares(), **over(x)
        ),
        rows=(Row("same"),),
    ),
    "scaling_table": Estimator(lambda x: metrics.scaling_table(points(x), interval=x.interval()), rows=(Row("value"),)),
    "scaling_trend": Estimator(
        lambda x: [
            metrics.scaling_trend(10.0 ** (np.arange(x.n) // 2), x.reals(), stderr=stderr, interval=x.interval())
            for stderr in (None, 0.01 + x.shares())
        ],
        {"spearman": DIFFERENCE, "slope": REAL},
    ),
    "selected_intervals": Estimator(
        lambda x: metrics.selected_intervals({name: x.shares() for name in "abc"}, ["b"], **over(x))
    ),
    "self_bleu": Estimator(
        lambda x: metrics.self_bleu([f"{word} {word} b" for word in x.words()], **over(x)),
        {"": (0.0, 100.0)},
        refuses="at least two",
    ),
    "sequential_difference": Estimator(
        lambda x: metrics.sequential_difference(x.shares(), x.shares(), clusters=x.clusters, confidence=x.confidence),
        {"": DIFFERENCE},
        (Row("difference", range=DIFFERENCE),),
        anytime=True,
    ),
    "SequentialTest": Estimator(sequential_test, {"": DIFFERENCE}, anytime=True),
    "sign_agreement": Estimator(
        lambda x: metrics.sign_agreement(
            x.shares(), x.shares(), stderr_a=0.01 + x.shares(), stderr_b=0.01 + x.shares(), **over(x)
        )
    ),
    "squad": Estimator(lambda x: metrics.squad(x.words(), x.words(), **over(x))),
    "study_slope": Estimator(
        lambda x: metrics.study_slope(columns(x, 3), [0, 1, 2], weights=x.weights, **over(x)),
        {"": REAL},
    ),
    "summarize": Estimator(
        lambda x: metrics.summarize(
            x.comparison(), clusters=x.clusters, weights=x.weights, confidence=x.confidence, method=x.method
        ),
        _SUMMARY,
    ),
    "SummaryState": Estimator(summary_state, _SUMMARY),
    "trigger_effect": Estimator(
        lambda x: metrics.trigger_effect(
            x.shares(),
            x.shares(),
            detector_with=x.infinite(),
            detector_without=x.infinite(),
            **over(x, *_NOT_RESAMPLED),
        ),
        {"difference": DIFFERENCE, "": SHARE},
    ),
    "unlikelihood_loss": Estimator(lambda x: metrics.unlikelihood_loss(x.logprobs(), **over(x)), {"": NONNEGATIVE}),
    "unpaired_difference": Estimator(
        lambda x: metrics.unpaired_difference(
            x.comparison(), x.comparison(), clusters_a=x.clusters, confidence=x.confidence
        ),
        _DIFFERENCE,
    ),
    # Values that are all 0 or 1 can put both ends of a component at the largest variance, 1/4.
    "variance_components": Estimator(
        lambda x: metrics.variance_components(
            0.9 * x.shares(6 * x.n).reshape(x.n, 3, 1, 2) + 0.05, interval=x.interval("auto")
        ),
        {"new questions, these templates": SHARE, "new questions and templates": SHARE, "": NONNEGATIVE},
        (Row("stderr", range=NONNEGATIVE),),
        "one question|ddof",
    ),
    "best_of: any numbers": Estimator(
        lambda x: metrics.best_of(1e6 * columns(x, 3) - 3, **over(x, *_NOT_RESAMPLED)), {"": REAL}
    ),
    "contrast: any numbers": Estimator(
        lambda x: metrics.contrast(1e6 * columns(x, 3), [-1.0, 0.1, 0.5], **over(x)), {"": REAL}
    ),
    "curve: any numbers": Estimator(
        lambda x: metrics.curve(1e6 * columns(x, 2) - 3, against=1, **over(x)),
        rows=(Row(range=REAL), Row("mean", "band_low", "band_high", REAL)),
    ),
    "estimate_mean: any numbers": Estimator(
        lambda x: metrics.estimate_mean(x.infinite(), weights=x.weights, **over(x)), {"": REAL}
    ),
    "label_confidence: tiny weights": Estimator(
        lambda x: metrics.label_confidence(x.shares(), 1e-300 * (0.1 + x.shares().astype(float)), **over(x)),
        _CORRELATED,
        (Row(),),
    ),
    "red_team: logits": Estimator(
        lambda x: metrics.red_team(x.infinite(), threshold=0.0, **over(x)), {"mean": REAL, "": SHARE}
    ),
    "scaling_table: mean probabilities": Estimator(
        lambda x: metrics.scaling_table(
            [(name, 1e9, None, "d", x.shares(), x.clusters) for name in "ab"],
            metric="mean_probability",
            interval=x.interval(),
        ),
        rows=(Row("value"),),
    ),
    "perplexity": Estimator(documents, {"bits_per_byte": NONNEGATIVE, "": (1.0, inf)}),
    "summarize_rows": Estimator(rows, _SUMMARY),
}
