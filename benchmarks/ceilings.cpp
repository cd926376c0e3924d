// What this machine can do at most: bytes read and multiply-adds a second. Compiled for the machine by ceilings.py.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16, kSums = 24;
#elif defined(__AVX__)
constexpr int kLanes = 8, kSums = 12;
#else
constexpr int kLanes = 4, kSums = 12;
#endif
using Vector = float __attribute__((vector_size(kLanes * 4)));

// Seconds from when all threads are there until all are done.
template <class Work> double seconds(int threads, const Work &work) {
    using Clock = std::chrono::steady_clock;
    std::atomic<int> missing{threads};
    std::vector<std::thread> all;
    std::vector<Clock::time_point> start(static_cast<std::size_t>(threads)), end = start;
    for (int i = 0; i < threads; ++i) {
        all.emplace_back([&, i] {
            --missing;
            while (missing > 0) {
            }
            start[static_cast<std::size_t>(i)] = Clock::now();
            work(i);
            end[static_cast<std::size_t>(i)] = Clock::now();
        });
    }
    for (std::thread &thread : all) {
        thread.join();
    }
    const auto first = *std::min_element(start.begin(), start.end()), last = *std::max_element(end.begin(), end.end());
    return std::chrono::duration<double>(last - first).count();
}

// Four streams, fetched 1 KiB ahead: the fastest of the patterns that were tried on Zen 5.
float read_range(const char *data, std::int64_t bytes) {
    constexpr std::int64_t kLine = 64, kStreams = 4;
    const std::int64_t each = bytes / kStreams / kLine * kLine;
    Vector sum[kStreams] = {};
    for (std::int64_t i = 0; i < each; i += kLine) {
        for (std::int64_t s = 0; s < kStreams; ++s) {
            const char *line = data + s * each + i;
            __builtin_prefetch(line + 1024);
            for (std::int64_t j = 0; j < kLine; j += static_cast<std::int64_t>(sizeof(Vector))) {
                Vector v;
                std::memcpy(&v, line + j, sizeof v);
                sum[s] += v;
            }
        }
    }
    return (sum[0] + sum[1] + sum[2] + sum[3])[0];
}

struct Fused {
    static Vector step(Vector a, Vector b, Vector sum) { return sum * a + b; }
};

#if defined(__AVX512BF16__)
struct Pairs {
    static Vector step(Vector a, Vector b, Vector sum) { return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b); }
};
#endif

template <class Step> float chains(std::int64_t steps) {
    const Vector a = Vector{} + 0.5F, b = Vector{} + 0.25F;
    Vector sum[kSums];
    for (int j = 0; j < kSums; ++j) {
        sum[j] = Vector{} + static_cast<float>(j); // else the compiler sees that all chains are one
    }
    for (std::int64_t i = 0; i < steps; ++i) {
#pragma GCC unroll 32
        for (int j = 0; j < kSums; ++j) {
            sum[j] = Step::step(a, b, sum[j]);
        }
    }
    float total = 0;
    for (int j = 0; j < kSums; ++j) {
        total += sum[j][0];
    }
    return total;
}

template <class Step> double rate(double flops, int threads) {
    constexpr std::int64_t kSteps = 4000000;
    std::vector<float> sink(static_cast<std::size_t>(threads));
    const double time = seconds(threads, [&](int i) { sink[static_cast<std::size_t>(i)] = chains<Step>(kSteps); });
    volatile float kept = sink[0];
    static_cast<void>(kept);
    return flops * kSums * static_cast<double>(kSteps) * threads / time;
}

} // namespace

extern "C" {

// Bytes a second of one read of data[0, bytes).
double read_rate(const char *data, std::int64_t bytes, int threads) {
    std::vector<float> sink(static_cast<std::size_t>(threads));
    const double time = seconds(threads, [&](int i) {
        sink[static_cast<std::size_t>(i)] = read_range(data + bytes * i / threads, bytes / threads);
    });
    volatile float kept = sink[0];
    static_cast<void>(kept);
    return static_cast<double>(bytes) / time;
}

// Floating-point operations a second of float32 multiply-adds in registers, or of bfloat16 pairs where the machine has
// them (0 elsewhere).
double multiply_add_rate(bool bf16, int threads) {
    if (!bf16) {
        return rate<Fused>(2.0 * kLanes, threads);
    }
#if defined(__AVX512BF16__)
    return rate<Pairs>(4.0 * kLanes, threads);
#else
    return 0;
#endif
}
}
