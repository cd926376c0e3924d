#include "logprobs.hpp"

#include <algorithm>
#include <deque>
#include <functional>

#include "../thread_pool.hpp"
#include "results.hpp"

namespace pyscore {
namespace {

// A row being read, by one thread or in shares by several. A piece of ready logits is one tile: its sums are kept, and
// merged in order of tiles, so that the number of shares leaves no trace in the bits.
class RowPass {
  public:
    RowPass(const LogitsProblem &problem, const TokenResults &results, std::int64_t shares)
        : problem_(problem), results_(results), shares_(static_cast<std::size_t>(shares)) {}

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
        Share &share = shares_[index];
        share.above.assign(candidates_.size(), 0);
        share.side =
            row_side(results_, candidates_.data(), static_cast<std::int64_t>(candidates_.size()),
                     results_.rank == nullptr ? nullptr : share.above.data(), results_.top_k == 0 ? nullptr : &top_);
        const std::size_t n = sums_.size();
        variant.fold_ready[problem_.dtype](problem_, row_, static_cast<std::int64_t>(n * index / shares_.size()),
                                           static_cast<std::int64_t>(n * (index + 1) / shares_.size()), sums_.data(),
                                           share.side);
    }

    void finish() {
        RowStatistics row;
        std::vector<std::int64_t> above(candidates_.size(), 0);
        for (const PieceSums &sums : sums_) {
            merge(row.sums, sums);
        }
        for (Share &share : shares_) {
            row.best = better(share.side.best, row.best) ? share.side.best : row.best;
            std::transform(above.begin(), above.end(), share.above.begin(), above.begin(), std::plus<>());
        }
        rank_elsewhere(above);
        row.candidates = candidates_.data();
        row.above = above.data();
        row.top = top_.sorted();
        write_row(row, problem_.targets, row_, results_);
    }

  private:
    // What one thread finds in its tiles of the row, besides their sums.
    struct Share {
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
    std::vector<PieceSums> sums_;
    std::vector<Share> shares_;
    TopK top_; // of all shares
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
    const std::int64_t shares = std::min<std::int64_t>(problem.columns / (kWorthAThread / 2), threads);
    std::deque<RowPass> passes;
    for (const std::int64_t row : rows) {
        passes.emplace_back(problem, results, shares).start(variant, row);
    }
    parallel_for(n * shares, 1, threads, [&](std::int64_t begin, std::int64_t, int) {
        passes[static_cast<std::size_t>(begin / shares)].read(variant, static_cast<std::size_t>(begin % shares));
    });
    for (RowPass &pass : passes) {
        pass.finish();
    }
}

} // namespace pyscore
