// One set of kernels for each instruction set, in one table. The bodies are the same (variants/*.inl), compiled once a
// variant under a function-level target, so that the extension runs on any machine and uses what it finds there.
#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "bootstrap.hpp"
#include "moments.hpp"
#include "problem.hpp"
#include "statistics.hpp"

namespace pyscore {

inline constexpr std::int64_t kReadyTile = 2048; // 8 KiB of float32: a tile and its source stay in L1
inline constexpr std::int64_t kLinearTile = 192; // columns folded at once; a row's bits depend on it
inline constexpr std::int64_t kMaxPanelTokens = 24;
inline constexpr std::int64_t kQuadBytes = 16; // of the depth in one step

// Vocabulary columns [first_column, last_column) for some rows. The weight is passed over once in strips of rows that
// stay in L2, and the logits of kLinearTile columns are folded at a time.
struct LinearTask {
    const std::int64_t *rows = nullptr; // [n_rows]
    std::int64_t n_rows = 0;
    std::int64_t first_column = 0, last_column = 0;
    std::int64_t strip = 0;    // a multiple of 4
    PieceSums *sums = nullptr; // [n_rows]
    RowSide *sides = nullptr;  // [n_rows]
    // scratch for the rows, rounded up to whole vectors of tokens
    char *panels = nullptr;   // [rows, divide_up(depth, quad), kQuadBytes]
    float *logits = nullptr;  // [rows, kLinearTile]
    float *partial = nullptr; // [strip, kMaxPanelTokens, 4]
};

struct Variant {
    const char *name;
    bool available;
    PerDType<std::int64_t> quad; // elements of the depth in one step of a linear block
    // Sums of the tiles [first_tile, last_tile) of a row, each to its own entry of `sums`.
    PerDType<void (*)(const LogitsProblem &, std::int64_t row, std::int64_t first_tile, std::int64_t last_tile,
                      PieceSums *sums, RowSide &side)>
        fold_ready;
    PerDType<void (*)(const LogitsProblem &, std::int64_t row, const std::int64_t *columns, std::int64_t n, float *z)>
        gather_ready;
    PerDType<void (*)(const LinearProblem &, const LinearTask &)> fold_linear;
    PerDType<void (*)(const LinearProblem &, std::int64_t row, const std::int64_t *columns, std::int64_t n, char *panel,
                      float *z)>
        gather_linear;
    void (*resample)(const DrawTask &);
    std::tuple<BlockMoments<float>, BlockMoments<double>> block_moments;
};

// Every variant that this build holds, best first. The last one runs everywhere.
const std::vector<Variant> &variants();

// The best one that this machine can run, or the one named by PYSCORE_CPU_ISA, which is read at every call.
// Throws std::invalid_argument, naming what the machine has, if that one is unknown or can't run here.
const Variant &chosen_variant();

} // namespace pyscore
