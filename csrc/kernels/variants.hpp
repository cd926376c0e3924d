// One set of kernels for each instruction set, in one table. The bodies are the same (variants/*.inl), compiled once a
// variant under a function-level target, so that the extension runs on any machine and uses what it finds there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "problem.hpp"
#include "statistics.hpp"

namespace pyscore {

inline constexpr std::int64_t kReadyTile = 2048; // 8 KiB of float32: a tile and its source stay in L1
inline constexpr std::int64_t kMaxTokens = 6;    // tokens of a linear block, at most, in any variant
inline constexpr std::int64_t kMaxLinearTile = 512;
inline constexpr std::int64_t kTileSlack = 64; // padding of a tile, at most, in any variant

// Vocabulary columns [first_column, last_column) for some rows. The weight is passed over once in tiles of rows that
// stay in L2, and each tile's logits are folded while they are in L1.
struct LinearTask {
    const std::int64_t *rows = nullptr; // [n_rows]
    std::int64_t n_rows = 0;
    std::int64_t first_column = 0, last_column = 0;
    std::int64_t tile = 0;
    bool entropy = false;
    PartSums *sums = nullptr; // [n_rows]
    RowSide *sides = nullptr; // [n_rows]
    float *logits = nullptr;  // scratch, [kMaxTokens, logits_stride]
    std::int64_t logits_stride = 0;
    float *wide = nullptr; // scratch, [kMaxTokens, depth]
};

struct Variant {
    const char *name;
    bool available;
    // Sums of the tiles [first_tile, last_tile) of a row, each to its own place.
    PerDType<void (*)(const LogitsProblem &, std::int64_t row, std::int64_t first_tile, std::int64_t last_tile,
                      bool entropy, PartSums *sums, RowSide &side)>
        fold_ready;
    PerDType<void (*)(const LogitsProblem &, std::int64_t row, const std::int64_t *columns, std::int64_t n, float *z)>
        gather_ready;
    PerDType<void (*)(const LinearProblem &, const LinearTask &)> fold_linear;
    PerDType<void (*)(const LinearProblem &, std::int64_t row, const std::int64_t *columns, std::int64_t n, float *wide,
                      float *z)>
        gather_linear;
};

// Every variant that this build holds, best first. The last one runs everywhere.
const std::vector<Variant> &variants();

// The best one that this machine can run, or the one named by PYSCORE_CPU_ISA, which is read at every call.
// Throws std::invalid_argument, naming what the machine has, if that one is unknown or can't run here.
const Variant &chosen_variant();

} // namespace pyscore
