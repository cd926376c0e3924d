#include "statistics.hpp"

#include <algorithm>

namespace pyscore {

void TopK::start(Entry *slots, std::int64_t k) {
    slots_ = slots;
    k_ = k;
    size_ = 0;
    worst_.store({-kInf, std::numeric_limits<std::int32_t>::max()}, std::memory_order_relaxed);
}

void TopK::offer(Entry entry) {
    if (size_ == k_) {
        replace_worst(entry);
    } else {
        slots_[size_++] = entry;
        if (size_ < k_) {
            return;
        }
        std::make_heap(slots_, slots_ + k_, better);
    }
    worst_.store(slots_[0], std::memory_order_relaxed);
}

void TopK::replace_worst(Entry entry) {
    std::int64_t at = 0;
    for (std::int64_t child = 1; child < k_; child = 2 * at + 1) {
        if (child + 1 < k_ && better(slots_[child], slots_[child + 1])) {
            ++child; // the worse of the two
        }
        if (!better(entry, slots_[child])) {
            break;
        }
        slots_[at] = slots_[child];
        at = child;
    }
    slots_[at] = entry;
}

const Entry *TopK::sorted() {
    std::sort(slots_, slots_ + size_, better);
    return slots_;
}

} // namespace pyscore
