#include "clusters.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "../thread_pool.hpp"

namespace pyscore {
namespace {

// Each share of the rows has totals of its own, which are added in order. Two, since more would cost more to add than
// they save; where there are few rows a cluster, one.
constexpr std::int64_t kShares = 2, kRowsWorthSharing = 16'384;

// A cluster's line of totals is asked for so many rows before it is needed: it comes from the L3 cache.
constexpr std::int64_t kAhead = 16;

template <class Float>
void add_rows(const ScoresProblem<Float> &rows, const std::int64_t *keys, std::int64_t low, std::int64_t begin,
              std::int64_t end, double *totals) {
    for (std::int64_t row = begin; row < end; ++row) {
        __builtin_prefetch(totals + (keys[std::min(row + kAhead, end - 1)] - low) * kClusterRow, 1);
        double *sums = totals + (keys[row] - low) * kClusterRow;
        const auto probability = static_cast<double>(rows.probability[row]);
        const auto log_odds = static_cast<double>(rows.log_odds[row]);
        sums[0] += 1;
        sums[1] += probability;
        sums[2] += static_cast<double>(rows.prefers[row]);
        sums[3] += static_cast<double>(rows.probability_raw[row]);
        sums[4] += std::isinf(log_odds) ? 0 : log_odds;
        sums[5] += static_cast<double>(rows.coverage[row]);
        sums[6] += rows.tie[row] ? 1 : 0;
        if constexpr (kScores > 6) {
            sums[7] += (1 - probability) * (1 - probability);
        }
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
void cluster_totals(const ScoresProblem<Float> &problem, const std::int64_t *keys, std::int64_t low,
                    std::int64_t clusters, double *totals, int threads) {
    const std::int64_t n = problem.n, size = clusters * kClusterRow;
    const std::int64_t shares = n >= kRowsWorthSharing && clusters <= n / 4 ? kShares : 1;
    std::vector<double> second(static_cast<std::size_t>(shares > 1 ? size : 0));
    parallel_for(shares, 1, threads, [&](std::int64_t share, std::int64_t, int) {
        add_rows(problem, keys, low, share * n / shares, (share + 1) * n / shares, share ? second.data() : totals);
    });
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(second.size()); ++i) {
        totals[i] += second[static_cast<std::size_t>(i)];
    }
}

ClusterSpread cluster_spread(const double *totals, std::int64_t clusters, const double *means, std::int64_t n) {
    ClusterSpread found;
    for (std::int64_t cluster = 0; cluster < clusters; ++cluster) {
        const double *sums = totals + cluster * kClusterRow + 1;
        const double size = sums[-1];
        if (size == 0) {
            continue;
        }
        found.clusters += 1;
        found.size_squares += size * size;
        // A lone cluster leaves nothing over; there is no interval then.
        const double rest = std::max(static_cast<double>(n) - size, 1.0);
        for (std::size_t i = 0; i < kScores; ++i) {
            const double left_out = (sums[i] - size * means[i]) / rest;
            found.squares[i] += left_out * left_out;
        }
    }
    return found;
}

template void cluster_totals(const ScoresProblem<float> &, const std::int64_t *, std::int64_t, std::int64_t, double *,
                             int);
template void cluster_totals(const ScoresProblem<double> &, const std::int64_t *, std::int64_t, std::int64_t, double *,
                             int);

} // namespace pyscore
