#include "statistics.hpp"

#include <algorithm>

namespace pyscore {

TopK::TopK(std::int64_t k) : k_(k) {}

void TopK::clear() {
    entries_.clear();
    full_ = false;
    floor_ = -kInf;
}

void TopK::offer(Entry entry) {
    entries_.push_back(entry);
    // Selecting among 2k costs O(k) and happens once every k offers.
    if (static_cast<std::int64_t>(entries_.size()) >= 2 * k_ + 32) {
        keep_best();
    }
}

void TopK::keep_best() {
    const auto kth = entries_.begin() + (k_ - 1);
    std::nth_element(entries_.begin(), kth, entries_.end(), better);
    floor_ = kth->logit;
    full_ = true;
    entries_.resize(static_cast<std::size_t>(k_));
}

const std::vector<Entry> &TopK::sorted() {
    if (static_cast<std::int64_t>(entries_.size()) > k_) {
        keep_best();
    }
    std::sort(entries_.begin(), entries_.end(), better);
    return entries_;
}

} // namespace pyscore
