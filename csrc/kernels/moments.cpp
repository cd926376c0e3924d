#include "moments.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "../thread_pool.hpp"
#include "variants.hpp"

namespace pyscore {
namespace {

constexpr std::int64_t kBlocksOfAShare = 64;

// Chan, Golub and LeVeque 1983: squares around each share's own mean don't cancel.
void add(Moments &sum, const Moments &next) {
    const auto before = static_cast<double>(sum.n), added = static_cast<double>(next.n), all = before + added;
    for (int i = 0; i < kScores; ++i) {
        const double delta = next.mean[i] - sum.mean[i];
        sum.mean[i] += delta * (added / all);
        sum.m2[i] += next.m2[i] + delta * delta * (before * added / all);
    }
    for (int bin = 0; bin < kCalibrationBins; ++bin) {
        sum.counts[bin] += next.counts[bin];
        sum.gaps[bin] += next.gaps[bin];
        sum.gap_squares[bin] += next.gap_squares[bin];
        sum.expected[bin] += next.expected[bin];
    }
    sum.n += next.n;
    sum.positive_infinite += next.positive_infinite;
    sum.negative_infinite += next.negative_infinite;
    sum.valid = sum.valid && next.valid;
}

template <class Float>
ScoresProblem<Float> rows_from(const ScoresProblem<Float> &all, std::int64_t first, std::int64_t n) {
    return {all.probability + first,
            all.prefers + first,
            all.probability_raw + first,
            all.log_odds + first,
            all.coverage + first,
            all.tie + first,
            n};
}

// A copy of the last rows, filled up to whole vectors: in place, the last vector would reach past the end.
template <class Float> struct Padded {
    Float columns[5][kBlock] = {};
    bool tie[kBlock] = {};

    explicit Padded(const ScoresProblem<Float> &rows) {
        const Float *sources[5] = {rows.probability, rows.prefers, rows.probability_raw, rows.log_odds, rows.coverage};
        for (int i = 0; i < 5; ++i) {
            std::copy_n(sources[i], rows.n, columns[i]);
        }
        std::copy_n(rows.tie, rows.n, tie);
    }
    [[nodiscard]] ScoresProblem<Float> rows(std::int64_t n) const {
        return {columns[0], columns[1], columns[2], columns[3], columns[4], tie, n};
    }
};

} // namespace

template <class Float> Moments moments(const ScoresProblem<Float> &problem, int threads) {
    const auto of_block = std::get<BlockMoments<Float>>(chosen_variant().block_moments);
    const std::int64_t grain = kBlocksOfAShare * kBlock;
    std::vector<Moments> shares(static_cast<std::size_t>((problem.n + grain - 1) / grain));
    parallel_for(problem.n, grain, threads, [&](std::int64_t begin, std::int64_t end, int) {
        Moments sum, block;
        for (std::int64_t first = begin; first < end; first += kBlock) {
            const auto rows = rows_from(problem, first, std::min(kBlock, end - first));
            if (rows.n % kMomentLanes == 0) {
                of_block(rows, block);
            } else {
                const Padded<Float> padded(rows);
                of_block(padded.rows(rows.n), block);
            }
            add(sum, block);
        }
        shares[static_cast<std::size_t>(begin / grain)] = sum;
    });
    Moments sum;
    for (const Moments &next : shares) {
        add(sum, next);
    }
    return sum;
}

template Moments moments(const ScoresProblem<float> &, int);
template Moments moments(const ScoresProblem<double> &, int);

} // namespace pyscore
