// Draws with replacement and sums of what was drawn. Every instruction set gives the same bits: the streams of random
// numbers and the order of every sum are fixed.

constexpr int kStreams = PYSCORE_LANES / 2;           // streams of random numbers in a vector
constexpr int kStreamVectors = kDrawLanes / kStreams; // vectors that hold all streams
using Vq = std::uint64_t __attribute__((vector_size(kStreams * 8)));

// Products of the low halves.
PYSCORE_INLINE Vq multiply_halves(Vq a, Vq b) {
#if PYSCORE_LANES == 16
    return bits_as<Vq>(_mm512_mul_epu32(bits_as<__m512i>(a), bits_as<__m512i>(b)));
#elif PYSCORE_LANES == 8
    return bits_as<Vq>(_mm256_mul_epu32(bits_as<__m256i>(a), bits_as<__m256i>(b)));
#elif defined(__SSE2__)
    return bits_as<Vq>(_mm_mul_epu32(bits_as<__m128i>(a), bits_as<__m128i>(b)));
#else
    return (a & 0xffffffffU) * (b & 0xffffffffU);
#endif
}

// a < b for unsigned halves: all ones where it holds.
PYSCORE_INLINE Vu below(Vu a, Vu b) {
#if PYSCORE_LANES == 16
    return bits_as<Vu>(a < b);
#else
    constexpr Vu kSign = Vu{} + 0x80000000U; // SSE2 and AVX2 compare signed numbers only
    return bits_as<Vu>(bits_as<Vi>(a ^ kSign) < bits_as<Vi>(b ^ kSign));
#endif
}

template <int kBits> PYSCORE_INLINE Vq rotate(Vq x) { return (x << kBits) | (x >> (64 - kBits)); }

constexpr std::int64_t kDraws = 1024; // 4 KiB of indices at a time

struct Streams {
    Vq state[4][kStreamVectors];
};

// The next number of each stream in a vector. xoshiro256++: Blackman and Vigna 2021.
PYSCORE_INLINE Vq next_random(Streams &streams, int vector) {
    Vq &s0 = streams.state[0][vector], &s1 = streams.state[1][vector], &s2 = streams.state[2][vector],
       &s3 = streams.state[3][vector];
    const Vq random = rotate<23>(s0 + s3) + s0, shifted = s1 << 17;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= shifted;
    s3 = rotate<45>(s3);
    return random;
}

// Fills `drawn` with uniform indices below `units` and returns how many. Each half of a 64-bit number is scaled to an
// index; the few halves that would make some indices likelier are left out (Lemire 2019).
static std::int64_t draw(Streams &streams, std::uint64_t units, std::uint32_t *drawn) {
    const Vq n = Vq{} + units, low = Vq{} + 0xffffffffU;
    const Vu unfair = Vu{} + static_cast<std::uint32_t>(0x100000000U % units);
    std::uint32_t rejected[kDraws];
    Vu any{};
    for (std::int64_t i = 0; i < kDraws; i += PYSCORE_LANES) {
        const Vq random = next_random(streams, static_cast<int>(i / PYSCORE_LANES % kStreamVectors));
        const Vq even = multiply_halves(random, n), odd = multiply_halves(random >> 32, n);
        const Vq index = (even >> 32) | (odd & ~low);
        const Vu skip = below(bits_as<Vu>((even & low) | (odd << 32)), unfair);
        any |= skip;
        std::memcpy(drawn + i, &index, sizeof index);
        std::memcpy(rejected + i, &skip, sizeof skip);
    }
    std::uint32_t some = 0;
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
        some |= any[lane];
    }
    if (some == 0) {
        return kDraws;
    }
    std::int64_t kept = 0;
    for (std::int64_t i = 0; i < kDraws; ++i) {
        drawn[kept] = drawn[i];
        kept += rejected[i] == 0 ? 1 : 0;
    }
    return kept;
}

// Adds the drawn rows' columns [first, first + kWidth). Four partial sums hide the latency of an addition.
template <int kWidth>
static void add_drawn(const DrawTask &task, const std::uint32_t *drawn, std::int64_t n, std::int64_t first) {
    double partial[4][kWidth] = {};
    const double *table = task.table + first;
    const auto add = [&](std::int64_t i, int j) __attribute__((always_inline)) {
        const double *row = table + static_cast<std::int64_t>(drawn[i]) * task.width;
        for (int c = 0; c < kWidth; ++c) {
            partial[j][c] += row[c];
        }
    };
    std::int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
        add(i, 0);
        add(i + 1, 1);
        add(i + 2, 2);
        add(i + 3, 3);
    }
    for (; i < n; ++i) {
        add(i, 0);
    }
    for (int c = 0; c < kWidth; ++c) {
        task.sums[first + c] += (partial[0][c] + partial[1][c]) + (partial[2][c] + partial[3][c]);
    }
}

static void resample(const DrawTask &task) {
    alignas(64) std::uint32_t drawn[kDraws];
    auto streams = bits_as<Streams>(task.streams);
    for (std::int64_t left = task.units; left > 0;) {
        const std::int64_t fair = draw(streams, static_cast<std::uint64_t>(task.units), drawn),
                           n = fair < left ? fair : left;
        left -= n;
        switch (task.width) {
        case 1:
            add_drawn<1>(task, drawn, n, 0);
            break;
        case 2:
            add_drawn<2>(task, drawn, n, 0);
            break;
        case 4:
            add_drawn<4>(task, drawn, n, 0);
            break;
        default:
            for (std::int64_t first = 0; first < task.width; first += 8) {
                add_drawn<8>(task, drawn, n, first);
            }
        }
    }
}
