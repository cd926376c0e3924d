// The fields of a comparison that metrics are made of, as the bindings take them.
#pragma once

#include "arrays.hpp"
#include "kernels/moments.hpp"

namespace pyscore {

// Checks that all are vectors of one length.
template <class Float>
ScoresProblem<Float> scores_problem(const Vector<Float> &probability, const Vector<Float> &prefers,
                                    const Vector<Float> &probability_raw, const Vector<Float> &log_odds,
                                    const Vector<Float> &coverage, const Vector<bool> &tie) {
    require(probability.ndim() == 1, "probability", "a vector");
    const std::int64_t n = probability.shape(0);
    return {vector_data(probability, n, "probability"),
            vector_data(prefers, n, "prefers"),
            vector_data(probability_raw, n, "probability_raw"),
            vector_data(log_odds, n, "log_odds"),
            vector_data(coverage, n, "coverage"),
            vector_data(tie, n, "tie"),
            n};
}

} // namespace pyscore
