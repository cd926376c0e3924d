// What a pass over logits keeps of a row, and how parts of a row are put together.
//
// A row is cut in parts by the size of the vocabulary alone. Sums of a part are relative to the part's own largest
// logit; parts are merged in order, in double. Counts, the best id and the top k don't depend on order at all.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace pyscore {

inline constexpr float kInf = std::numeric_limits<float>::infinity();
inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Sums over the logits z of a part of a row; NaN logits make `sum` NaN and are left out of `max`.
struct PartSums {
    float max = -kInf;
    double sum = 0;      // of exp(z - max)
    double weighted = 0; // of (z - max) * exp(z - max), for the entropy
};

// into = sums over both parts. Commutes bit for bit, but is not associative: merge in order.
inline void merge(PartSums &into, const PartSums &next) {
    const bool next_is_low = next.max <= into.max;
    const PartSums high = next_is_low ? into : next, low = next_is_low ? next : into;
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

// The k best entries among those offered. Entries of a part must be offered in ascending columns, because a full list
// turns away equals of its worst entry.
class TopK {
  public:
    explicit TopK(std::int64_t k = 0);
    void clear();
    [[nodiscard]] std::int64_t k() const { return k_; }
    // Whether a part with this largest logit can hold an entry worth offering.
    [[nodiscard]] bool wants(float logit) const { return !full_ || logit > floor_; }
    [[nodiscard]] bool full() const { return full_; }
    [[nodiscard]] float floor() const { return floor_; }
    void offer(Entry entry);
    // The entries, best first; at most k.
    const std::vector<Entry> &sorted();

  private:
    void keep_best();
    std::int64_t k_;
    std::vector<Entry> entries_;
    bool full_ = false;
    float floor_ = -kInf; // logit of the worst entry kept, once there are k
};

// What a fold gathers besides the sums.
struct RowSide {
    Entry best;                        // right for the part that holds the row's best entry, a bound for later parts
    const float *candidates = nullptr; // final logits of the row's targets
    std::int64_t n_candidates = 0;
    std::int32_t *above = nullptr; // per candidate: entries with a greater logit so far
    TopK *top = nullptr;
};

} // namespace pyscore
