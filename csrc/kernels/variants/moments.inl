// Moments of one block of questions. Eight lanes of float64, in one vector or several, and one order of every sum, so
// that all instruction sets give the same bits.

constexpr std::int64_t kWide = PYSCORE_LANES / 2, kSumVectors = kMomentLanes / kWide;
using Vd = double __attribute__((vector_size(kWide * 8)));
using Vm = std::int64_t __attribute__((vector_size(kWide * 8))); // masks: all ones where true

PYSCORE_INLINE Vd load_wide(const double *p) {
    Vd v;
    std::memcpy(&v, p, sizeof v);
    return v;
}

PYSCORE_INLINE Vd load_wide(const float *p) {
    float __attribute__((vector_size(kWide * 4))) v;
    std::memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, Vd);
}

PYSCORE_INLINE Vm load_mask(const bool *p) {
    std::uint8_t __attribute__((vector_size(kWide))) v;
    std::memcpy(&v, p, sizeof v);
    return -__builtin_convertvector(v, Vm);
}

PYSCORE_INLINE Vd where(Vm condition, Vd yes) { return bits_as<Vd>(condition & bits_as<Vm>(yes)); }

// Sums of eight lanes, one vector after the other.
struct WideSum {
    Vd vectors[kSumVectors] = {};

    [[nodiscard]] double total() const {
        double lanes[kMomentLanes];
        std::memcpy(lanes, vectors, sizeof lanes);
        return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
    }
};

PYSCORE_INLINE std::int64_t count(Vm mask) {
    std::int64_t found = 0;
    for (std::int64_t lane = 0; lane < kWide; ++lane) {
        found -= mask[lane];
    }
    return found;
}

// Calls body(first row, vector, which of its rows count): all, but for the last eight rows.
template <class Body> PYSCORE_INLINE void each_vector(std::int64_t n, const Body &body) {
    std::int64_t i = 0;
    for (; i + kMomentLanes <= n; i += kMomentLanes) {
        for (std::int64_t vector = 0; vector < kSumVectors; ++vector) {
            body(i + vector * kWide, vector, Vm{} - 1);
        }
    }
    for (std::int64_t vector = 0; i < n && vector < kSumVectors; ++vector) {
        Vm counts{};
        for (std::int64_t lane = 0; lane < kWide; ++lane) {
            counts[lane] = i + vector * kWide + lane < n ? -1 : 0;
        }
        body(i + vector * kWide, vector, counts);
    }
}

// Mean and centred squares of what read(first row) gives. Squares around the mean don't cancel. The next block of the
// column is fetched meanwhile, so that fetching is spread over the passes; a prefetch never faults.
template <class Float, class Read>
PYSCORE_INLINE void column_moments(const Float *column, std::int64_t n, const Read &read, double &mean, double &m2) {
    WideSum sum, squares;
    each_vector(n, [&](std::int64_t i, std::int64_t vector, Vm counts) __attribute__((always_inline)) {
        __builtin_prefetch(column + i + kBlock);
        sum.vectors[vector] += where(counts, read(i));
    });
    mean = sum.total() / static_cast<double>(n);
    each_vector(n, [&](std::int64_t i, std::int64_t vector, Vm counts) __attribute__((always_inline)) {
        const Vd d = where(counts, read(i) - mean);
        squares.vectors[vector] += d * d;
    });
    m2 = squares.total();
}

// By bin of the confidence max(p, 1 - p): how many questions, how much the correctness exceeds it, the squares of that,
// and what these are for a calibrated model. A confidence is at least 0.5, so that the lower bins stay empty.
template <class Float> static void block_calibration(const Float *probability, std::int64_t n, Moments &block) {
    constexpr int kFirst = kCalibrationBins / 2, kBins = kCalibrationBins - kFirst;
    WideSum gaps[kBins], squares[kBins], expected[kBins];
    Vm counted[kBins] = {};
    each_vector(n, [&](std::int64_t i, std::int64_t vector, Vm counts) __attribute__((always_inline)) {
        const Vd p = load_wide(probability + i), q = 1 - p, one = Vd{} + 1;
        const Vd confidence = where(p >= q, p) + where(p < q, q);
        const Vd gap = where(counts, where(p > 0.5, one) + where(p == 0.5, one * 0.5) - confidence);
        const Vd variance = confidence * (1 - confidence);
        // Compared with each edge, since confidence * kCalibrationBins would round.
        Vm above = counts;
        for (int b = 0; b < kBins; ++b) {
            const Vm above_next = counts & (confidence > (kFirst + 1.0 + b) / kCalibrationBins);
            const Vm inside = above & ~above_next;
            counted[b] += inside;
            gaps[b].vectors[vector] += where(inside, gap);
            squares[b].vectors[vector] += where(inside, gap * gap);
            expected[b].vectors[vector] += where(inside, variance);
            above = above_next;
        }
    });
    for (int b = 0; b < kBins; ++b) {
        block.counts[kFirst + b] = count(counted[b]);
        block.gaps[kFirst + b] = gaps[b].total();
        block.gap_squares[kFirst + b] = squares[b].total();
        block.expected[kFirst + b] = expected[b].total();
    }
}

template <class Float> static bool block_valid(const ScoresProblem<Float> &rows) {
    const Vd infinity = Vd{} + std::numeric_limits<double>::infinity();
    Vm bad{};
    each_vector(rows.n, [&](std::int64_t i, std::int64_t, Vm counts) __attribute__((always_inline)) {
        const Vd p = load_wide(rows.probability + i), w = load_wide(rows.prefers + i), z = load_wide(rows.log_odds + i);
        const Vd raw = load_wide(rows.probability_raw + i), mass = load_wide(rows.coverage + i);
        const Vm shares = (p >= 0) & (p <= 1) & (w >= 0) & (w <= 1);
        const Vm masses = (raw >= 0) & (raw < infinity) & (mass >= 0) & (mass < infinity);
        bad |= counts & ~(shares & masses & (z == z));
    });
    return count(bad) == 0;
}

// How many log odds are infinite, and the moments of ties, which are 0 or 1.
template <class Float> static void block_counts(const ScoresProblem<Float> &rows, Moments &block) {
    const Vd infinity = Vd{} + std::numeric_limits<double>::infinity();
    Vm positive{}, negative{}, ties{};
    each_vector(rows.n, [&](std::int64_t i, std::int64_t, Vm counts) __attribute__((always_inline)) {
        const Vd z = load_wide(rows.log_odds + i);
        positive += counts & (z == infinity);
        negative += counts & (z == -infinity);
        ties += counts & load_mask(rows.tie + i);
    });
    block.positive_infinite = count(positive);
    block.negative_infinite = count(negative);
    const auto tied = static_cast<double>(count(ties)), n = static_cast<double>(rows.n);
    block.mean[5] = tied / n;
    block.m2[5] = tied * (n - tied) / n;
}

// Moments of at most kBlock questions, read from buffers that end with eight rows.
template <class Float> static void block_moments(const ScoresProblem<Float> &rows, Moments &block) {
    block = Moments{};
    block.n = rows.n;
    block.valid = block_valid(rows);
    const Float *plain[5] = {rows.probability, rows.prefers, rows.probability_raw, nullptr, rows.coverage};
    for (int column = 0; column < 5; ++column) {
        if (plain[column] != nullptr) {
            const auto read = [&](std::int64_t i)
                                  __attribute__((always_inline)) { return load_wide(plain[column] + i); };
            column_moments(plain[column], rows.n, read, block.mean[column], block.m2[column]);
        }
    }
    const Vd infinity = Vd{} + std::numeric_limits<double>::infinity();
    const auto finite_log_odds = [&](std::int64_t i) __attribute__((always_inline)) {
        const Vd z = load_wide(rows.log_odds + i);
        return where((z < infinity) & (z > -infinity), z);
    };
    column_moments(rows.log_odds, rows.n, finite_log_odds, block.mean[3], block.m2[3]);
    const auto brier = [&](std::int64_t i) __attribute__((always_inline)) {
        const Vd missed = 1 - load_wide(rows.probability + i);
        return missed * missed;
    };
    column_moments(rows.probability, rows.n, brier, block.mean[6], block.m2[6]);
    block_counts(rows, block);
    block_calibration(rows.probability, rows.n, block);
}
