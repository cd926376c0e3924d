// From a row's sums to what the caller asked for; shared by ready and linear logits.
#pragma once

#include <cstdint>
#include <vector>

#include "problem.hpp"
#include "statistics.hpp"

namespace pyscore {

// Rows that have to be read: those with no candidates or with at least one that isn't ignored.
std::vector<std::int64_t> rows_to_read(const Targets &targets, std::int64_t rows);

// The columns of a row's candidates; -1, which is no column, for ignored ones.
std::vector<std::int64_t> candidate_columns(const Targets &targets, std::int64_t row);

// All that a pass found out about a row.
struct RowStatistics {
    PieceSums sums;
    Entry best;
    const float *candidates = nullptr;   // final logits of the row's targets
    const std::int64_t *above = nullptr; // per candidate, null if ranks were not asked for
    const Entry *top = nullptr;          // best first, in the memory of top_ids
};

// The memory of a row's top_ids, where its best entries are gathered before they are written as ids.
inline Entry *top_slots(const TokenResults &results, std::int64_t row) {
    static_assert(sizeof(Entry) == sizeof(std::int64_t) && alignof(Entry) <= alignof(std::int64_t));
    return reinterpret_cast<Entry *>(results.top_ids + row * results.top_k);
}

// What a fold gathers for the results besides the sums; `above` and `top` are null where they were not asked for.
RowSide row_side(const TokenResults &results, const float *candidates, std::int64_t n_candidates, std::int32_t *above,
                 TopK *top);

void write_row(const RowStatistics &row, const Targets &targets, std::int64_t index, const TokenResults &results);

// NaN and -1 for every row that is not in `read`, which ascends.
void write_ignored_rows(const std::vector<std::int64_t> &read, std::int64_t rows, const Targets &targets,
                        const TokenResults &results);

} // namespace pyscore
