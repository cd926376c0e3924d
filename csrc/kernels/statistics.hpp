// What a pass over logits keeps of a row, and how pieces of a row are put together.
//
// A row is cut in pieces by the size of the vocabulary alone. Sums of a piece are relative to its own largest
// logit; pieces are merged in order, in double. Counts, the best id and the top k don't depend on order at all.
#pragma once

#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>
#include <mutex>

namespace pyscore {

inline constexpr float kInf = std::numeric_limits<float>::infinity();
inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Sums over the logits z of a piece of a row; NaN logits make `sum` NaN and are left out of `max`.
struct PieceSums {
    float max = -kInf;
    double sum = 0;      // of exp(z - max)
    double weighted = 0; // of (z - max) * exp(z - max), for the entropy
};

// into = sums over both pieces. Commutes bit for bit, but is not associative: merge in order.
inline void merge(PieceSums &into, const PieceSums &next) {
    const bool next_is_low = next.max <= into.max;
    const PieceSums high = next_is_low ? into : next, low = next_is_low ? next : into;
    into = high;
    if (std::isnan(high.sum) || std::isnan(low.sum)) {
        into.sum = std::numeric_limits<double>::quiet_NaN();
    } else if (low.max == high.max) { // also where both are infinite, whose difference would be NaN
        into.sum += low.sum;
        into.weighted += low.weighted;
    } else if (low.max != -kInf && high.max != kInf) {
        const double shift = static_cast<double>(low.max) - high.max, scale = std::exp(shift);
        into.sum += scale * low.sum;
        into.weighted += scale * (low.weighted + shift * low.sum);
    }
}

// A vocabulary entry. Better means a larger logit or, among equals, a lower column.
struct Entry {
    float logit = -kInf;
    std::int32_t column = -1; // no entry
};

inline bool better(const Entry &a, const Entry &b) {
    return a.logit > b.logit || (a.logit == b.logit && a.column < b.column);
}

// The k best entries of a row, in the memory of its results: threads that read pieces of the row share the one list.
// "Better" orders all entries, so the list doesn't depend on who offers first.
class TopK {
  public:
    // Starts an empty list in `slots`, which hold k entries.
    void start(Entry *slots, std::int64_t k);
    [[nodiscard]] std::mutex &lock() { return lock_; }
    // Only better entries enter the list. Without the lock it may be one that was the worst before.
    [[nodiscard]] Entry worst() const { return worst_.load(std::memory_order_relaxed); }
    // Under the lock, an entry that is better than the worst.
    void offer(Entry entry);
    // The entries, best first; fewer than k where fewer were offered.
    const Entry *sorted();

  private:
    void replace_worst(Entry entry);
    Entry *slots_ = nullptr; // once full a heap, whose root is the worst entry
    std::int64_t k_ = 0, size_ = 0;
    std::atomic<Entry> worst_{Entry{}}; // while there is room, an entry that any other is better than
    std::mutex lock_;
};

// What a fold gathers besides the sums.
struct RowSide {
    Entry best;                        // right for the piece with the row's best entry, a bound for later pieces
    const float *candidates = nullptr; // final logits of the row's targets
    std::int64_t n_candidates = 0;
    std::int32_t *above = nullptr; // per candidate: entries with a greater logit so far
    TopK *top = nullptr;
    bool weighted = false; // whether the weighted sum is taken, for the entropy
};

} // namespace pyscore
