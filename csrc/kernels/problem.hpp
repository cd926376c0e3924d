// The problems that the kernels solve: plain pointers and sizes. Strides count elements.
#pragma once

#include <array>
#include <cstdint>
#include <tuple>

#include "../dtype.hpp"
#include "result_memory.hpp"

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

// Which results are computed beside those that every call gives: the fields of pyscore.ops.request.Wanted.
struct Wanted {
    using Fields = std::tuple<bool, bool, std::int64_t>; // as Python passes them
    bool entropy = false, rank = false;
    std::int64_t top_k = 0;

    explicit Wanted(const Fields &fields) { std::tie(entropy, rank, top_k) = fields; }
};

// Where results go: the fields of pyscore.ops.request.TokenTensors. A null pointer was not asked for.
struct TokenResults {
    using Memory = std::array<ResultMemory, 8>; // as Python passes them
    float *logprob;                             // [M]
    float *logsumexp;                           // [N]
    float *max_logit;                           // [N]
    std::int64_t *argmax;                       // [N]
    float *entropy;                             // [N]
    std::int64_t *rank;                         // [M]
    std::int64_t top_k;
    std::int64_t *top_ids; // [N, top_k]
    float *top_logprobs;   // [N, top_k]

    TokenResults(const Memory &out, const Wanted &wanted, std::int64_t n, std::int64_t m)
        : logprob(result_in<float>(out[0], m, "logprob")), logsumexp(result_in<float>(out[1], n, "logsumexp")),
          max_logit(result_in<float>(out[2], n, "max_logit")), argmax(result_in<std::int64_t>(out[3], n, "argmax")),
          entropy(result_in<float>(out[4], wanted.entropy ? n : 0, "entropy")),
          rank(result_in<std::int64_t>(out[5], wanted.rank ? m : 0, "rank")), top_k(wanted.top_k),
          top_ids(result_in<std::int64_t>(out[6], n * top_k, "top_ids")),
          top_logprobs(result_in<float>(out[7], n * top_k, "top_logprobs")) {}
};

} // namespace pyscore
