#include "linear_logprobs.hpp"

#include <algorithm>
#include <memory>
#include <optional>

#include "../cpu_features.hpp"
#include "../thread_pool.hpp"
#include "results.hpp"

namespace pyscore {
namespace {

constexpr std::int64_t kPiece = 4096;           // vocabulary rows of a task, about
constexpr std::int64_t kMaxPieces = 64;         // bounds the workspace for any vocabulary
constexpr std::int64_t kWorthAThread = 1 << 19; // multiply-adds: some 10 microseconds

// Bytes of one token's hidden states in a panel.
std::int64_t token_bytes(const Variant &variant, const LinearProblem &problem) {
    return divide_up(std::max<std::int64_t>(problem.depth, 1), variant.quad[problem.dtype]) * kQuadBytes;
}

std::int64_t whole_panels(std::int64_t tokens) { return divide_up(tokens, kMaxPanelTokens) * kMaxPanelTokens; }

// How the work is cut. Pieces are set by the vocabulary alone, because a row's bits depend on them; rows of a task and
// of a strip are set by the caches, and no bit depends on them.
struct Cut {
    Cut(const Variant &variant, const LinearProblem &problem, std::int64_t n_rows) {
        const std::int64_t wanted = std::clamp<std::int64_t>(divide_up(problem.columns, kPiece), 1, kMaxPieces);
        piece = std::max<std::int64_t>(divide_up(divide_up(problem.columns, wanted), 64) * 64, 64);
        pieces = divide_up(problem.columns, piece);
        // Measured on Zen 5 with 1 MiB of L2. Larger groups read the weights less often, and take more workspace.
        const std::int64_t panel = token_bytes(variant, problem) * kMaxPanelTokens;
        group = std::clamp<std::int64_t>(l2_bytes() * 3 / 2 / panel, 4, 10) * kMaxPanelTokens;
        const std::int64_t row_bytes = std::max<std::int64_t>(problem.depth, 1) * info(problem.dtype).itemsize;
        const std::int64_t many = std::clamp<std::int64_t>(l2_bytes() / 4 / row_bytes, 48, kLinearTile);
        const std::int64_t fitting = n_rows <= kMaxPanelTokens ? 16 : many;      // a single panel uses each weight once
        strip = 4 * divide_up(kLinearTile, 4 * divide_up(kLinearTile, fitting)); // of nearly equal size
    }
    std::int64_t piece, pieces, group, strip;
};

// Uninitialised memory, aligned to a cache line.
class Scratch {
  public:
    explicit Scratch(std::int64_t bytes) : data_(new char[static_cast<std::size_t>(bytes + kAlignment)]) {
        const auto address = reinterpret_cast<std::uintptr_t>(data_.get());
        aligned_ = data_.get() + (kAlignment - address % kAlignment);
    }
    [[nodiscard]] char *bytes() const { return aligned_; }
    [[nodiscard]] float *floats() const { return reinterpret_cast<float *>(aligned_); }

  private:
    static constexpr std::uintptr_t kAlignment = 64;
    std::unique_ptr<char[]> data_;
    char *aligned_;
};

// What a thread needs for a task of up to `rows` rows.
struct Workspace {
    Workspace(std::int64_t token_bytes, std::int64_t strip, std::int64_t rows)
        : panels(whole_panels(rows) * token_bytes), logits(whole_panels(rows) * kLinearTile * 4),
          partial(strip * kMaxPanelTokens * 4 * 4) {}
    Scratch panels, logits, partial;
};

// What is kept of one row's pass over one piece.
struct PieceRow {
    PieceSums sums;
    Entry best;
};

class LinearPass {
  public:
    LinearPass(const Variant &variant, const LinearProblem &problem, const float *target_logit,
               const TokenResults &results)
        : variant_(variant), problem_(problem), target_logit_(target_logit), results_(results),
          rows_(rows_to_read(problem.targets, problem.rows)), cut_(variant, problem, n_rows()),
          kept_(static_cast<std::size_t>(cut_.pieces * n_rows())), tops_(results.top_k == 0 ? 0 : rows_.size()) {
        for (std::size_t i = 0; i < tops_.size(); ++i) {
            tops_[i].start(top_slots(results, rows_[i]), results.top_k);
        }
        if (results.rank != nullptr) {
            std::fill_n(results.rank, n_targets(), 0);
        }
    }

    void run(int threads) {
        write_ignored_rows(rows_, problem_.rows, problem_.targets, results_);
        if (rows_.empty()) {
            return;
        }
        // of nearly equal size, and whole panels but for the last
        const std::int64_t group = whole_panels(divide_up(n_rows(), divide_up(n_rows(), cut_.group)));
        const std::int64_t groups = divide_up(n_rows(), group);
        const std::int64_t products = std::min(n_rows(), group) * std::min(cut_.piece, problem_.columns) *
                                      std::max<std::int64_t>(problem_.depth, 1);
        std::vector<std::optional<Workspace>> workspaces(static_cast<std::size_t>(threads));
        // Piece after piece: threads at work together read the same weights, each for other rows.
        parallel_for(cut_.pieces * groups, divide_up(kWorthAThread, products), threads,
                     [&](std::int64_t begin, std::int64_t end, int worker) {
                         std::optional<Workspace> &workspace = workspaces[static_cast<std::size_t>(worker)];
                         if (!workspace) {
                             workspace.emplace(token_bytes(variant_, problem_), cut_.strip, std::min(group, n_rows()));
                         }
                         for (std::int64_t task = begin; task < end; ++task) {
                             const std::int64_t first = task % groups * group;
                             read(task / groups, first, std::min(first + group, n_rows()), *workspace);
                         }
                     });
        parallel_for(n_rows(), 1024, threads, [&](std::int64_t begin, std::int64_t end, int) {
            for (std::int64_t i = begin; i < end; ++i) {
                finish(i);
            }
        });
    }

  private:
    [[nodiscard]] std::int64_t n_rows() const { return static_cast<std::int64_t>(rows_.size()); }
    [[nodiscard]] std::int64_t first_target_of(std::int64_t i) const {
        return problem_.targets.offsets[rows_[static_cast<std::size_t>(i)]];
    }
    [[nodiscard]] std::int64_t n_targets() const { return problem_.targets.offsets[problem_.rows]; }

    // Rows [begin, end) of those to read, over one piece of the vocabulary.
    void read(std::int64_t piece, std::int64_t begin, std::int64_t end, const Workspace &workspace) {
        const auto n = static_cast<std::size_t>(end - begin);
        std::vector<PieceSums> sums(n);
        std::vector<RowSide> sides(n);
        const std::int64_t first_target = first_target_of(begin);
        const std::int64_t last_target = problem_.targets.offsets[rows_[static_cast<std::size_t>(end) - 1] + 1];
        std::vector<std::int32_t> above(
            results_.rank == nullptr ? 0 : static_cast<std::size_t>(last_target - first_target));
        for (std::size_t i = 0; i < n; ++i) {
            const std::int64_t at = begin + static_cast<std::int64_t>(i), first = first_target_of(at);
            const std::int64_t row = rows_[static_cast<std::size_t>(at)];
            sides[i] = row_side(results_, target_logit_ + first, problem_.targets.offsets[row + 1] - first,
                                above.empty() ? nullptr : above.data() + (first - first_target),
                                tops_.empty() ? nullptr : &tops_[static_cast<std::size_t>(at)]);
        }
        LinearTask task;
        task.rows = rows_.data() + begin;
        task.n_rows = end - begin;
        task.first_column = piece * cut_.piece;
        task.last_column = std::min(problem_.columns, task.first_column + cut_.piece);
        task.strip = cut_.strip;
        task.sums = sums.data();
        task.sides = sides.data();
        task.panels = workspace.panels.bytes();
        task.logits = workspace.logits.floats();
        task.partial = workspace.partial.floats();
        variant_.fold_linear[problem_.dtype](problem_, task);
        for (std::size_t i = 0; i < n; ++i) {
            const auto at = static_cast<std::size_t>(piece * n_rows() + begin) + i;
            kept_[at] = {sums[i], sides[i].best};
        }
        for (std::size_t t = 0; t < above.size(); ++t) { // a sum of whole numbers is the same in any order
            __atomic_fetch_add(results_.rank + first_target + t, above[t], __ATOMIC_RELAXED);
        }
    }

    void finish(std::int64_t i) {
        const std::int64_t index = rows_[static_cast<std::size_t>(i)], first = problem_.targets.offsets[index];
        RowStatistics row;
        for (std::int64_t piece = 0; piece < cut_.pieces; ++piece) {
            const auto at = static_cast<std::size_t>(piece * n_rows() + i);
            merge(row.sums, kept_[at].sums);
            row.best = better(kept_[at].best, row.best) ? kept_[at].best : row.best;
        }
        row.candidates = target_logit_ + first;
        row.above = results_.rank == nullptr ? nullptr : results_.rank + first;
        row.top = tops_.empty() ? nullptr : tops_[static_cast<std::size_t>(i)].sorted();
        write_row(row, problem_.targets, index, results_);
    }

    const Variant &variant_;
    const LinearProblem &problem_;
    const float *target_logit_;
    const TokenResults &results_;
    std::vector<std::int64_t> rows_;
    Cut cut_;
    std::vector<PieceRow> kept_; // [pieces, rows]
    std::vector<TopK> tops_;     // [rows], each for all pieces of its row
};

} // namespace

void target_logits(const Variant &variant, const LinearProblem &problem, float *target_logit, int threads) {
    const Targets &targets = problem.targets;
    const std::int64_t depth = std::max<std::int64_t>(problem.depth, 1);
    parallel_for(
        problem.rows, divide_up(kWorthAThread, 8 * depth), threads, [&](std::int64_t begin, std::int64_t end, int) {
            const Scratch panel(token_bytes(variant, problem) * kMaxPanelTokens);
            for (std::int64_t row = begin; row < end; ++row) {
                const std::vector<std::int64_t> columns = candidate_columns(targets, row);
                const std::int64_t first = targets.offsets[row];
                const bool scored = std::any_of(columns.begin(), columns.end(), [](std::int64_t c) { return c >= 0; });
                if (scored) {
                    variant.gather_linear[problem.dtype](problem, row, columns.data(),
                                                         static_cast<std::int64_t>(columns.size()), panel.bytes(),
                                                         target_logit + first);
                }
                for (std::int64_t t = first; t < targets.offsets[row + 1]; ++t) {
                    const bool ignored = targets.ids[t] == targets.ignore_index;
                    target_logit[t] = ignored ? kNan : scored ? target_logit[t] : -kInf;
                }
            }
        });
}

void linear_logprobs(const Variant &variant, const LinearProblem &problem, const float *target_logit,
                     const TokenResults &results, int threads) {
    LinearPass(variant, problem, target_logit, results).run(threads);
}

} // namespace pyscore
