// Clusters of questions: their keys as codes, and what a summary needs of each.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "moments.hpp"

namespace pyscore {

constexpr int kClusterRow = 8; // a cluster's questions, then its sums of scores; a whole cache line
static_assert(1 + kScores <= kClusterRow);

// codes [n]: those of the keys, in order of first appearance. The result holds the key of each code; it is empty, and
// the codes are unusable, where keys lie so far apart that the table would have more than four entries a key.
std::vector<std::int64_t> encode_clusters(const std::int64_t *keys, std::int64_t n, std::int64_t *codes);

// totals [clusters, kClusterRow], which must be 0: of each cluster, the number of its questions and the sums of their
// scores, infinite log odds as 0. Keys lie within [low, low + clusters). The bits don't depend on the number of
// threads.
template <class Float>
void cluster_totals(const ScoresProblem<Float> &problem, const std::int64_t *keys, std::int64_t low,
                    std::int64_t clusters, double *totals, int threads);

struct ClusterSpread {
    std::int64_t clusters = 0;             // with a question
    double size_squares = 0;               // Σ of their squared sizes
    std::array<double, kScores> squares{}; // Σ of what leaving out a cluster does to each mean, squared
};

ClusterSpread cluster_spread(const double *totals, std::int64_t clusters, const double *means, std::int64_t n);

} // namespace pyscore
