#include "results.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace pyscore {

std::vector<std::int64_t> rows_to_read(const Targets &targets, std::int64_t rows) {
    std::vector<std::int64_t> read;
    read.reserve(static_cast<std::size_t>(rows));
    for (std::int64_t row = 0; row < rows; ++row) {
        const std::int64_t *begin = targets.ids + targets.offsets[row], *end = targets.ids + targets.offsets[row + 1];
        const auto scored = [&](std::int64_t id) { return id != targets.ignore_index; };
        if (begin == end || std::any_of(begin, end, scored)) {
            read.push_back(row);
        }
    }
    return read;
}

std::vector<std::int64_t> candidate_columns(const Targets &targets, std::int64_t row) {
    std::vector<std::int64_t> columns(targets.ids + targets.offsets[row], targets.ids + targets.offsets[row + 1]);
    for (std::int64_t &column : columns) {
        column = column == targets.ignore_index ? -1 : column - targets.vocab_start;
    }
    return columns;
}

RowSide row_side(const TokenResults &results, const float *candidates, std::int64_t n_candidates, std::int32_t *above,
                 TopK *top) {
    return {{}, candidates, n_candidates, above, top, results.entropy != nullptr};
}

namespace {

// By way of the largest logit: under a large common offset the digits of log(sum) are lost in the logsumexp.
double log_probability(float logit, const PieceSums &sums) {
    return (static_cast<double>(logit) - sums.max) - std::log(sums.sum);
}

void write_candidates(const RowStatistics &row, const Targets &targets, std::int64_t index, bool valid,
                      const TokenResults &results) {
    const std::int64_t first = targets.offsets[index];
    for (std::int64_t t = first; t < targets.offsets[index + 1]; ++t) {
        const bool scored = valid && targets.ids[t] != targets.ignore_index;
        // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): an ignored row has no logits, and none is scored
        double logprob = scored ? log_probability(row.candidates[t - first], row.sums) : kNan;
        logprob = scored && targets.elsewhere(targets.ids[t]) ? static_cast<double>(-kInf) : logprob;
        results.logprob[t] = static_cast<float>(logprob > 0 ? 0 : logprob);
        if (results.rank != nullptr) {
            results.rank[t] = scored ? row.above[t - first] : -1;
        }
    }
}

void write_top(const RowStatistics &row, const Targets &targets, std::int64_t index, bool valid,
               const TokenResults &results) {
    for (std::int64_t k = 0; k < results.top_k; ++k) {
        const std::int64_t at = index * results.top_k + k;
        Entry entry;
        if (valid) {
            // A copy: the entry's memory is that of top_ids[at], which is overwritten below.
            std::memcpy(&entry, row.top + k, sizeof(Entry));
        }
        results.top_ids[at] = -1;
        results.top_logprobs[at] = kNan;
        if (valid) {
            results.top_ids[at] = targets.vocab_start + entry.column;
            results.top_logprobs[at] = static_cast<float>(std::min(log_probability(entry.logit, row.sums), 0.0));
        }
    }
}

} // namespace

void write_row(const RowStatistics &row, const Targets &targets, std::int64_t index, const TokenResults &results) {
    const PieceSums &sums = row.sums;
    const bool nan = std::isnan(sums.sum);
    const bool valid = !nan && std::isfinite(sums.max);
    const double logsumexp = static_cast<double>(sums.max) + (valid ? std::log(sums.sum) : 0);
    results.logsumexp[index] = nan ? kNan : static_cast<float>(logsumexp);
    results.max_logit[index] = nan ? kNan : sums.max;
    results.argmax[index] = valid ? targets.vocab_start + row.best.column : -1;
    if (results.entropy != nullptr) {
        const double entropy = std::log(sums.sum) - sums.weighted / sums.sum;
        results.entropy[index] = valid ? static_cast<float>(std::max(entropy, 0.0)) : kNan;
    }
    write_candidates(row, targets, index, valid, results);
    write_top(row, targets, index, valid, results);
}

void write_ignored_rows(const std::vector<std::int64_t> &read, std::int64_t rows, const Targets &targets,
                        const TokenResults &results) {
    RowStatistics nothing;
    nothing.sums.sum = kNan;
    auto next = read.begin();
    for (std::int64_t row = 0; row < rows; ++row) {
        if (next != read.end() && *next == row) {
            ++next;
        } else {
            write_row(nothing, targets, row, results);
        }
    }
}

} // namespace pyscore
