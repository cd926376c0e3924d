#include "logprobs.hpp"

#include <algorithm>
#include <deque>
#include <functional>

#include "../thread_pool.hpp"
#include "results.hpp"

namespace pyscore {
namespace {

// A row being read, in one go or in several ranges of tiles. Sums are kept per tile and merged in order, so that
// the ranges leave no trace in the bits.
class RowPass {
  public:
    RowPass(const LogitsProblem &problem, const TokenResults &results, std::int64_t ranges)
        : problem_(problem), results_(results), ranges_(static_cast<std::size_t>(ranges)) {}

    [[nodiscard]] static std::int64_t tiles(const LogitsProblem &problem) {
        return divide_up(problem.columns, kReadyTile);
    }

    void start(const Variant &variant, std::int64_t row) {
        const std::vector<std::int64_t> columns = candidate_columns(problem_.targets, row);
        row_ = row;
        candidates_.resize(columns.size());
        variant.gather_ready[problem_.dtype](problem_, row, columns.data(), static_cast<std::int64_t>(columns.size()),
                                             candidates_.data());
        top_.start(top_slots(results_, row), results_.top_k);
        sums_.assign(static_cast<std::size_t>(tiles(problem_)), {});
    }

    void read(const Variant &variant, std::size_t index) {
        Range &range = ranges_[index];
        range.above.assign(candidates_.size(), 0);
        range.side = {};
        range.side.candidates = candidates_.data();
        range.side.n_candidates = static_cast<std::int64_t>(candidates_.size());
        range.side.above = results_.rank == nullptr ? nullptr : range.above.data();
        range.side.top = results_.top_k == 0 ? nullptr : &top_;
        const std::size_t n = sums_.size();
        variant.fold_ready[problem_.dtype](problem_, row_, static_cast<std::int64_t>(n * index / ranges_.size()),
                                           static_cast<std::int64_t>(n * (index + 1) / ranges_.size()),
                                           results_.entropy != nullptr, sums_.data(), range.side);
    }

    void finish() {
        RowStatistics row;
        std::vector<std::int64_t> above(candidates_.size(), 0);
        for (const PartSums &sums : sums_) {
            merge(row.sums, sums);
        }
        for (Range &range : ranges_) {
            row.best = better(range.side.best, row.best) ? range.side.best : row.best;
            std::transform(above.begin(), above.end(), range.above.begin(), above.begin(), std::plus<>());
        }
        rank_elsewhere(above);
        row.candidates = candidates_.data();
        row.above = above.data();
        row.top = top_.sorted();
        write_row(row, problem_.targets, row_, results_);
    }

  private:
    struct Range {
        RowSide side;
        std::vector<std::int32_t> above;
    };

    // Without its logit, a target of another vocabulary shard has no rank.
    void rank_elsewhere(std::vector<std::int64_t> &above) const {
        const std::int64_t *ids = problem_.targets.ids + problem_.targets.offsets[row_];
        for (std::size_t k = 0; k < above.size(); ++k) {
            above[k] = problem_.targets.elsewhere(ids[k]) ? -1 : above[k];
        }
    }

    const LogitsProblem &problem_;
    const TokenResults &results_;
    std::int64_t row_ = 0;
    std::vector<float> candidates_;
    std::vector<PartSums> sums_;
    std::vector<Range> ranges_;
    TopK top_; // of all ranges
};

} // namespace

void logprobs(const Variant &variant, const LogitsProblem &problem, const TokenResults &results, int threads) {
    const std::vector<std::int64_t> rows = rows_to_read(problem.targets, problem.rows);
    write_ignored_rows(rows, problem.rows, problem.targets, results);
    const std::int64_t n = static_cast<std::int64_t>(rows.size());
    constexpr std::int64_t kWorthAThread = 1 << 16; // entries: some 15 microseconds
    if (n >= threads || problem.columns < kWorthAThread) {
        parallel_for(n, kWorthAThread / std::max<std::int64_t>(problem.columns, 1), threads,
                     [&](std::int64_t begin, std::int64_t end, int) {
                         RowPass pass(problem, results, 1);
                         for (std::int64_t i = begin; i < end; ++i) {
                             pass.start(variant, rows[static_cast<std::size_t>(i)]);
                             pass.read(variant, 0);
                             pass.finish();
                         }
                     });
        return;
    }
    const std::int64_t ranges = std::min<std::int64_t>(problem.columns / (kWorthAThread / 2), threads);
    std::deque<RowPass> passes;
    for (const std::int64_t row : rows) {
        passes.emplace_back(problem, results, ranges).start(variant, row);
    }
    parallel_for(n * ranges, 1, threads, [&](std::int64_t begin, std::int64_t, int) {
        passes[static_cast<std::size_t>(begin / ranges)].read(variant, static_cast<std::size_t>(begin % ranges));
    });
    for (RowPass &pass : passes) {
        pass.finish();
    }
}

} // namespace pyscore
