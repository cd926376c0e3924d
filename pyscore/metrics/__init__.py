"""From compared answers, scores and texts to numbers with intervals: one file a family, one function a metric."""

from pyscore.metrics.auroc import auroc
from pyscore.metrics.bbq import bbq_bias
from pyscore.metrics.calibration import calibration, comparison_calibration, multiclass_calibration
from pyscore.metrics.components import VarianceComponents, variance_components
from pyscore.metrics.contrasts import (
    contrast,
    curve,
    interaction,
    last_minus_first,
    slope_coefficients,
    study_slope,
)
from pyscore.metrics.control_variates import control_variate
from pyscore.metrics.core.answer_scores import Answers
from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.means import estimate_difference, estimate_mean, estimate_rate, estimate_ratio
from pyscore.metrics.core.report import BoundedEstimate, Estimate, Report
from pyscore.metrics.core.scales import (
    NONNEGATIVE,
    RATE,
    RATE_DIFFERENCE,
    REAL,
    SHARE,
    SHARE_DIFFERENCE,
    Scale,
)
from pyscore.metrics.debate import debate_accuracy
from pyscore.metrics.differences import Difference, equivalence, paired_difference, unpaired_difference
from pyscore.metrics.diversity import distinct_n, self_bleu, sentence_self_bleu
from pyscore.metrics.faithfulness import answer_change, same_answer_curve
from pyscore.metrics.many_differences import adjust_p_values, compare_many
from pyscore.metrics.options import extract_option, extract_options, option_accuracy
from pyscore.metrics.pareto import pareto, pareto_candidates, pareto_front
from pyscore.metrics.power import minimum_detectable_effect, power_analysis, required_n
from pyscore.metrics.preferences import (
    RewardEnsemble,
    label_confidence,
    preference_model,
    preference_probability,
    reward_ensemble,
)
from pyscore.metrics.presets import PRESETS, Preset, apply_preset
from pyscore.metrics.ratings import ratings
from pyscore.metrics.scaling import ScalingPoint, scaling_table, scaling_trend, sign_agreement
from pyscore.metrics.selection import best_of, rank_intervals, selected_intervals
from pyscore.metrics.sequences import forward_kl, unlikelihood, unlikelihood_loss
from pyscore.metrics.sequential import asymptotic_sequence, confidence_sequence, sequential_difference
from pyscore.metrics.sequential_test import SequentialTest
from pyscore.metrics.shifts import biased_feature, red_team, trigger_effect
from pyscore.metrics.summary import Summary, summarize
from pyscore.metrics.summary_state import SummaryState
from pyscore.metrics.text import exact_matches, normalize_answer, same_answer_matrix, squad, token_f1s
from pyscore.metrics.winogenerated import occupation_bias

__all__ = [
    "NONNEGATIVE",
    "PRESETS",
    "RATE",
    "RATE_DIFFERENCE",
    "REAL",
    "SHARE",
    "SHARE_DIFFERENCE",
    "Answers",
    "BoundedEstimate",
    "Difference",
    "Estimate",
    "Interval",
    "Preset",
    "Report",
    "RewardEnsemble",
    "Scale",
    "ScalingPoint",
    "SequentialTest",
    "Summary",
    "SummaryState",
    "VarianceComponents",
    "adjust_p_values",
    "answer_change",
    "apply_preset",
    "asymptotic_sequence",
    "auroc",
    "bbq_bias",
    "best_of",
    "biased_feature",
    "calibration",
    "compare_many",
    "comparison_calibration",
    "confidence_sequence",
    "contrast",
    "control_variate",
    "curve",
    "debate_accuracy",
    "distinct_n",
    "equivalence",
    "estimate_difference",
    "estimate_mean",
    "estimate_rate",
    "estimate_ratio",
    "exact_matches",
    "extract_option",
    "extract_options",
    "forward_kl",
    "interaction",
    "label_confidence",
    "last_minus_first",
    "minimum_detectable_effect",
    "multiclass_calibration",
    "normalize_answer",
    "occupation_bias",
    "option_accuracy",
    "paired_difference",
    "pareto",
    "pareto_candidates",
    "pareto_front",
    "power_analysis",
    "preference_model",
    "preference_probability",
    "rank_intervals",
    "ratings",
    "red_team",
    "required_n",
    "reward_ensemble",
    "same_answer_curve",
    "same_answer_matrix",
    "scaling_table",
    "scaling_trend",
    "selected_intervals",
    "self_bleu",
    "sentence_self_bleu",
    "sequential_difference",
    "sign_agreement",
    "slope_coefficients",
    "squad",
    "study_slope",
    "summarize",
    "token_f1s",
    "trigger_effect",
    "unlikelihood",
    "unlikelihood_loss",
    "unpaired_difference",
    "variance_components",
]
