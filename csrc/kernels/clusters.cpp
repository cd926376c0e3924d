#include "clusters.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "../thread_pool.hpp"

namespace pyscore {
namespace {

constexpr std::size_t kRowsAtOnce = 64;

// Where each row of a block adds: memory that comes from the L3 cache, and is asked for before any is used.
using Places = std::array<double *, kRowsAtOnce>;

template <class Float> void add_scores(const ScoresProblem<Float> &rows, std::int64_t row, double *sums) {
    const auto probability = static_cast<double>(rows.probability[row]);
    const auto log_odds = static_cast<double>(rows.log_odds[row]);
    sums[0] += 1;
    sums[1] += probability;
    sums[2] += static_cast<double>(rows.prefers[row]);
    sums[3] += static_cast<double>(rows.probability_raw[row]);
    sums[4] += std::isinf(log_odds) ? 0 : log_odds;
    sums[5] += static_cast<double>(rows.coverage[row]);
    sums[6] += rows.tie[row] ? 1 : 0;
    sums[7] += (1 - probability) * (1 - probability);
}

template <class Float>
void add_block_scores(const ScoresProblem<Float> &rows, const std::int64_t *keys, std::int64_t low, std::int64_t first,
                      std::int64_t n, double *scores) {
    Places places;
    for (std::int64_t i = 0; i < n; ++i) {
        places[i] = scores + (keys[first + i] - low) * kClusterScores;
        __builtin_prefetch(places[i], 1);
    }
    for (std::int64_t i = 0; i < n; ++i) {
        add_scores(rows, first + i, places[i]);
    }
}

// Two numbers of a bin: questions, Σ correct - confidence.
template <class Float>
void add_block_bins(const ScoresProblem<Float> &rows, const std::int64_t *keys, std::int64_t low, std::int64_t first,
                    std::int64_t n, double *bins) {
    Places places;
    std::array<double, kRowsAtOnce> gaps{};
    for (std::int64_t i = 0; i < n; ++i) {
        const auto probability = static_cast<double>(rows.probability[first + i]);
        const double confidence = std::max(probability, 1 - probability);
        gaps[i] = (probability > 0.5 ? 1 : probability == 0.5 ? 0.5 : 0) - confidence;
        std::int64_t bin = 0; // Compared with each edge, since confidence * kCalibrationBins would round.
        for (int edge = kFirstBin + 1; edge < kCalibrationBins; ++edge) {
            bin += confidence > static_cast<double>(edge) / kCalibrationBins ? 1 : 0;
        }
        places[i] = bins + (keys[first + i] - low) * kClusterBins + 2 * bin;
        __builtin_prefetch(places[i], 1);
    }
    for (std::int64_t i = 0; i < n; ++i) {
        places[i][0] += 1;
        places[i][1] += gaps[i];
    }
}

} // namespace

std::vector<std::int64_t> encode_clusters(const std::int64_t *keys, std::int64_t n, std::int64_t *codes) {
    std::vector<std::int64_t> distinct;
    if (n == 0) {
        return distinct;
    }
    const auto [least, most] = std::minmax_element(keys, keys + n);
    // Unsigned, since the distance of two int64 keys can be beyond int64.
    const auto low = static_cast<std::uint64_t>(*least), span = static_cast<std::uint64_t>(*most) - low;
    if (span >= 4 * static_cast<std::uint64_t>(n)) {
        return distinct;
    }
    std::vector<std::int64_t> table(static_cast<std::size_t>(span) + 1, -1);
    for (std::int64_t row = 0; row < n; ++row) {
        std::int64_t &code = table[static_cast<std::size_t>(static_cast<std::uint64_t>(keys[row]) - low)];
        if (code < 0) {
            code = static_cast<std::int64_t>(distinct.size());
            distinct.push_back(keys[row]);
        }
        codes[row] = code;
    }
    return distinct;
}

template <class Float>
void cluster_totals(const ScoresProblem<Float> &problem, const std::int64_t *keys, std::int64_t low, double *scores,
                    double *bins, int threads) {
    // One thread sums scores, another bins: each number has one order of summation.
    parallel_for(2, 1, threads, [&](std::int64_t task, std::int64_t, int) {
        for (std::int64_t first = 0; first < problem.n; first += std::int64_t{kRowsAtOnce}) {
            const std::int64_t n = std::min(std::int64_t{kRowsAtOnce}, problem.n - first);
            if (task == 0) {
                add_block_scores(problem, keys, low, first, n, scores);
            } else {
                add_block_bins(problem, keys, low, first, n, bins);
            }
        }
    });
}

ClusterSpread cluster_spread(const double *scores, std::int64_t clusters, const double *means, std::int64_t n) {
    ClusterSpread found;
    for (std::int64_t cluster = 0; cluster < clusters; ++cluster) {
        const double *sums = scores + cluster * kClusterScores + 1;
        const double size = sums[-1];
        if (size == 0) {
            continue;
        }
        found.clusters += 1;
        found.size_squares += size * size;
        // A lone cluster leaves nothing over; there is no interval then.
        const double rest = std::max(static_cast<double>(n) - size, 1.0);
        for (std::size_t i = 0; i < kScores; ++i) {
            const double excess = sums[i] - size * means[i];
            found.squares[i] += (excess / rest) * (excess / rest);
            found.between[i] += excess * excess / size;
        }
    }
    return found;
}

template void cluster_totals(const ScoresProblem<float> &, const std::int64_t *, std::int64_t, double *, double *, int);
template void cluster_totals(const ScoresProblem<double> &, const std::int64_t *, std::int64_t, double *, double *,
                             int);

} // namespace pyscore
