#include "bootstrap.hpp"

#include <algorithm>
#include <vector>

#include "../thread_pool.hpp"
#include "variants.hpp"

namespace pyscore {
namespace {

// splitmix64 (Steele, Lea and Flood 2014): spreads a counter over 64 bits, to start the streams from.
std::uint64_t spread(std::uint64_t &counter) {
    std::uint64_t z = counter += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

std::int64_t padded_width(std::int64_t columns) {
    return columns <= 2 ? columns : columns <= 4 ? 4 : (columns + 7) / 8 * 8;
}

// Aligns the table to 64 bytes, so that no row of up to 8 doubles spans two cache lines.
struct alignas(64) Line {
    double values[8];
};

// A unit's sums, then its weight where units differ in it, then zeros.
std::vector<Line> lay_out(const BootstrapProblem &problem, std::int64_t width) {
    std::vector<Line> table(static_cast<std::size_t>((problem.units * width + 7) / 8));
    for (std::int64_t unit = 0; unit < problem.units; ++unit) {
        double *row = table.data()->values + unit * width;
        std::copy_n(problem.sums + unit * problem.columns, problem.columns, row);
        if (problem.weights != nullptr) {
            row[problem.columns] = problem.weights[unit];
        }
    }
    return table;
}

} // namespace

void bootstrap_means(const BootstrapProblem &problem, double *means, int threads) {
    constexpr std::int64_t kDrawsWorthAThread = 1 << 15;
    const std::int64_t width = padded_width(problem.columns + (problem.weights != nullptr ? 1 : 0));
    const std::vector<Line> table = lay_out(problem, width);
    const Variant &variant = chosen_variant();
    const std::int64_t grain = std::max<std::int64_t>(1, kDrawsWorthAThread / problem.units);
    parallel_for(problem.resamples, grain, threads, [&](std::int64_t begin, std::int64_t end, int) {
        std::vector<double> sums(static_cast<std::size_t>(width));
        DrawTask task{table.data()->values, problem.units, width, {}, sums.data()};
        for (std::int64_t r = begin; r < end; ++r) {
            std::uint64_t counter = problem.seed;
            counter = spread(counter) + static_cast<std::uint64_t>(r);
            for (auto &word : task.streams) {
                for (std::uint64_t &lane : word) {
                    lane = spread(counter);
                }
            }
            std::fill(sums.begin(), sums.end(), 0.0);
            variant.resample(task);
            const double weight = problem.weights != nullptr ? sums[static_cast<std::size_t>(problem.columns)]
                                                             : static_cast<double>(problem.units);
            for (std::int64_t c = 0; c < problem.columns; ++c) {
                means[r * problem.columns + c] = sums[static_cast<std::size_t>(c)] / weight;
            }
        }
    });
}

} // namespace pyscore
