// One pass over a tile of final logits that lies in L1: sums, best entry, ranks, top k. Shared by ready and linear
// logits. A tile is padded with -inf to a multiple of kFoldStep.

constexpr std::int64_t kFoldStep = 4 * kLanes;

constexpr std::int64_t padded(std::int64_t n) { return divide_up(n, kFoldStep) * kFoldStep; }

// Where the data of the next tile lies, to be fetched while this one is being computed.
struct Ahead {
    const char *next = nullptr;
    std::int64_t bytes_per_entry = 0;
};

// The largest logit of each lane; NaN entries are left out.
static Vf largest(const float *z, std::int64_t n) {
    Vf m[4];
    for (Vf &lane : m) {
        lane = splat(-kInf);
    }
    for (std::int64_t i = 0; i < n; i += kFoldStep) {
        for (std::int64_t j = 0; j < 4; ++j) {
            m[j] = larger(load(z + i + j * kLanes), m[j]);
        }
    }
    return larger(larger(m[0], m[1]), larger(m[2], m[3]));
}

// Adds a tile whose logits are at most sums.max, which is finite. Lanes hand over to double every 32 steps: so few
// additions keep the rounding of a float sum under 2e-7 of it, at any vector width.
template <bool kWeighted> static void sum_exponentials(const float *z, std::int64_t n, Ahead ahead, PieceSums &sums) {
    const Vf max = splat(sums.max);
    for (std::int64_t begin = 0; begin < n; begin += 32 * kFoldStep) {
        const std::int64_t end = begin + 32 * kFoldStep < n ? begin + 32 * kFoldStep : n;
        Vf sum[4] = {}, weighted[4] = {};
        for (std::int64_t i = begin; i < end; i += kFoldStep) {
            for (std::int64_t j = 0; j < 4; ++j) {
                const std::int64_t at = i + j * kLanes;
                __builtin_prefetch(ahead.next + at * ahead.bytes_per_entry);
                const Exponential e = exponential(load(z + at) - max);
                sum[j] = multiply_add(e.fraction, e.power, sum[j]);
                if (kWeighted) { // e.t is finite where z - max is -inf, which times an exp of 0 would be NaN
                    weighted[j] = multiply_add(e.t, e.fraction * e.power, weighted[j]);
                }
            }
        }
        sums.sum += static_cast<double>(sum_lanes((sum[0] + sum[1]) + (sum[2] + sum[3])));
        if (kWeighted) {
            sums.weighted += static_cast<double>(sum_lanes((weighted[0] + weighted[1]) + (weighted[2] + weighted[3])));
        }
    }
}

static bool has_nan(const float *z, std::int64_t n) {
    bool found = false;
    for (std::int64_t i = 0; i < n; ++i) {
        found |= z[i] != z[i];
    }
    return found;
}

static std::int64_t first_equal(const float *z, std::int64_t n, float value) {
    std::int64_t i = 0;
    for (; i + kFoldStep <= n; i += kFoldStep) {
        Vi hit = {};
        for (std::int64_t j = 0; j < 4; ++j) {
            hit |= load(z + i + j * kLanes) == value;
        }
        if (any_above(__builtin_convertvector(-hit, Vf), 0)) {
            break;
        }
    }
    while (i + 1 < n && z[i] != value) {
        ++i;
    }
    return i;
}

static std::int32_t count_above(const float *z, std::int64_t n, float threshold) {
    Vi count[4] = {};
    for (std::int64_t i = 0; i < n; i += kFoldStep) {
        for (std::int64_t j = 0; j < 4; ++j) {
            count[j] -= load(z + i + j * kLanes) > threshold; // a true lane is -1
        }
    }
    // A tile has at most 2^20 entries, so a float holds each count exactly.
    return static_cast<std::int32_t>(
        sum_lanes(__builtin_convertvector((count[0] + count[1]) + (count[2] + count[3]), Vf)));
}

// The threshold above which logits at `column`, or behind it, may enter a list with this worst entry. Logits equal to
// the worst enter where their column comes first: the threshold is then the next float below. Returns NaN where -inf
// may enter, which is above no threshold: callers then look at every entry.
static float floor_of(Entry worst, std::int64_t column) {
    if (worst.column < column) {
        return worst.logit;
    }
    return worst.logit == -kInf ? kNan : std::nextafter(worst.logit, -kInf);
}

static void offer_to_top(const float *z, std::int64_t n, std::int64_t first_column, TopK &top) {
    const std::lock_guard<std::mutex> guard(top.lock());
    for (std::int64_t block = 0; block < n; block += kFoldStep) {
        const float floor = floor_of(top.worst(), first_column + block);
        if (floor == floor && count_above(z + block, kFoldStep, floor) == 0) {
            continue;
        }
        const std::int64_t end = block + kFoldStep < n ? block + kFoldStep : n;
        for (std::int64_t i = block; i < end; ++i) {
            const Entry entry{z[i], static_cast<std::int32_t>(first_column + i)};
            if (better(entry, top.worst())) { // never true of NaN
                top.offer(entry);
            }
        }
    }
}

// Adds z[0, n), the columns from first_column on, to `sums`, given the tile's largest(); best entry, counts and top k
// go to `side`.
static void fold(const float *z, std::int64_t n, Vf largest_of_lane, std::int64_t first_column, Ahead ahead,
                 RowSide &side, PieceSums &sums) {
    const std::int64_t whole = padded(n);
    if (any_above(largest_of_lane, sums.max)) {
        PieceSums raised;
        raised.max = max_lanes(largest_of_lane);
        merge(raised, sums);
        sums = raised;
        if (sums.max > side.best.logit) {
            side.best = {sums.max, static_cast<std::int32_t>(first_column + first_equal(z, n, sums.max))};
        }
    }
    if (sums.max == kInf || sums.max == -kInf) {
        sums.sum = has_nan(z, n) || sums.sum != sums.sum ? kNan : sums.max == kInf ? 1 : 0;
    } else if (side.weighted) {
        sum_exponentials<true>(z, whole, ahead, sums);
    } else {
        sum_exponentials<false>(z, whole, ahead, sums);
    }
    if (side.above != nullptr) {
        for (std::int64_t k = 0; k < side.n_candidates; ++k) {
            side.above[k] += count_above(z, whole, side.candidates[k]);
        }
    }
    if (side.top != nullptr) {
        const float floor = floor_of(side.top->worst(), first_column);
        if (floor != floor || any_above(largest_of_lane, floor)) {
            offer_to_top(z, n, first_column, *side.top);
        }
    }
}
