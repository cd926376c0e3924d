// Clusters of questions: their keys as codes, and what a summary needs of each.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "moments.hpp"

namespace pyscore {

// A confidence max(p, 1 - p) is at least 0.5: the lower bins of the calibration error stay empty.
constexpr int kFirstBin = kCalibrationBins / 2, kUsedBins = kCalibrationBins - kFirstBin;

constexpr int kClusterScores = 1 + kScores; // a cluster's questions, then its sums of scores: a cache line
constexpr int kClusterBins = 2 * kUsedBins; // of each bin its questions, then Σ correct - confidence

// codes [n]: those of the keys, in order of first appearance. The result holds the key of each code; it is empty, and
// the codes are unusable, where keys lie so far apart that the table would have more than four entries a key.
std::vector<std::int64_t> encode_clusters(const std::int64_t *keys, std::int64_t n, std::int64_t *codes);

// scores [clusters, kClusterScores] and bins [clusters, kClusterBins], which must be 0, infinite log odds as 0. The row
// of a key is key - low. The bits don't depend on the number of threads.
template <class Float>
void cluster_totals(const ScoresProblem<Float> &problem, const std::int64_t *keys, std::int64_t low, double *scores,
                    double *bins, int threads);

struct ClusterSpread {
    std::int64_t clusters = 0;             // with a question
    double size_squares = 0;               // Σ of their squared sizes
    std::array<double, kScores> squares{}; // Σ of what leaving out a cluster does to each mean, squared
    std::array<double, kScores> between{}; // Σ size · (the cluster's mean - the mean)²
};

ClusterSpread cluster_spread(const double *scores, std::int64_t clusters, const double *means, std::int64_t n);

} // namespace pyscore
