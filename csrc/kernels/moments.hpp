// Sums over compared answers from which a summary is made: one read, mergeable, the same for any number of threads.
#pragma once

#include <cstdint>

namespace pyscore {

constexpr int kScores = 7; // probability, prefers, probability_raw, log_odds, coverage, tie, (1 - probability)²
constexpr int kCalibrationBins = 15; // of max(p, 1 - p): ((m - 1)/15, m/15]
constexpr std::int64_t kBlock = 512; // rows that are read once and summed twice, from L1
constexpr std::int64_t kMomentLanes = 8;

// One entry a question; see pyscore.Comparison.
template <class Float> struct ScoresProblem {
    const Float *probability = nullptr, *prefers = nullptr, *probability_raw = nullptr, *log_odds = nullptr,
                *coverage = nullptr;
    const bool *tie = nullptr;
    std::int64_t n = 0;
};

struct Moments {
    std::int64_t n = 0;
    double mean[kScores] = {}, m2[kScores] = {};               // infinite log odds count as 0
    std::int64_t positive_infinite = 0, negative_infinite = 0; // log odds
    std::int64_t counts[kCalibrationBins] = {};                // questions a bin
    double gaps[kCalibrationBins] = {};                        // Σ correct - confidence
    double gap_squares[kCalibrationBins] = {};                 // Σ (correct - confidence)²
    double expected[kCalibrationBins] = {};                    // Σ confidence (1 - confidence)
    bool valid = true; // no NaN, shares within [0, 1], masses neither negative nor infinite
};

// Moments of at most kBlock rows. Whole vectors are read, also where fewer rows are left.
template <class Float> using BlockMoments = void (*)(const ScoresProblem<Float> &, Moments &);

template <class Float> Moments moments(const ScoresProblem<Float> &problem, int threads);

} // namespace pyscore
