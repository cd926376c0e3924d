// The problems that the kernels solve: plain pointers and sizes. Strides count elements.
#pragma once

#include <cstdint>

#include "../dtype.hpp"

namespace pyscore {

constexpr std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// z = softcap * tanh(s / softcap) / temperature, of s = logit_scale * (product + bias) or of a ready logit.
struct LogitTransform {
    float softcap = 0;                  // 0: none
    const float *temperature = nullptr; // [N], or null: all 1
};

// Row n's candidates are ids[offsets[n]] .. ids[offsets[n + 1]].
struct Targets {
    const std::int64_t *ids = nullptr;
    const std::int64_t *offsets = nullptr;
    std::int64_t ignore_index = -100;
    std::int64_t vocab_start = 0; // id of the first column
    std::int64_t columns = 0;     // vocabulary entries here

    // Whether another vocabulary shard holds a target that isn't ignored.
    [[nodiscard]] bool elsewhere(std::int64_t id) const { return id < vocab_start || id - vocab_start >= columns; }
};

struct LogitsProblem {
    const void *data = nullptr;
    DType dtype = DType::float32;
    std::int64_t rows = 0, columns = 0;
    std::int64_t row_stride = 0, column_stride = 0;
    LogitTransform transform;
    Targets targets;
};

struct LinearProblem {
    const void *hidden = nullptr; // [rows, depth], last stride 1
    const void *weight = nullptr; // [columns, depth], last stride 1
    const float *bias = nullptr;  // [columns], or null
    DType dtype = DType::float32;
    std::int64_t rows = 0, columns = 0, depth = 0;
    std::int64_t hidden_stride = 0, weight_stride = 0;
    float logit_scale = 1;
    LogitTransform transform;
    Targets targets;
};

// Where results go; a null pointer was not asked for.
struct TokenResults {
    float *logprob = nullptr;       // [M]
    float *logsumexp = nullptr;     // [N]
    float *max_logit = nullptr;     // [N]
    std::int64_t *argmax = nullptr; // [N]
    float *entropy = nullptr;       // [N]
    std::int64_t *rank = nullptr;   // [M]
    std::int64_t top_k = 0;
    std::int64_t *top_ids = nullptr; // [N, top_k]
    float *top_logprobs = nullptr;   // [N, top_k]
};

} // namespace pyscore
