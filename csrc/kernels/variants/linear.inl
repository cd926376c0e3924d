// Linear logits: blocks of tokens x 4 vocabulary rows as dot products, vector lanes along the depth. Both operands are
// read as they lie in memory. Each (token, vocabulary row) pair has its own accumulator and its own fixed tree over
// lanes, so its bits don't depend on which block it is in, and a gathered target has the bits of the full pass.

// How a dot product of weights stored as T steps through the depth. Hidden states come as H.
template <class T> struct Widen {
    using H = float;
    static constexpr std::int64_t kStep = kLanes;
    using Operand = Vf;
    template <class E> PYSCORE_INLINE Operand get(const E *p) { return load(p); }
    template <class E> PYSCORE_INLINE Operand get_first(const E *p, std::int64_t n) { return load_first(p, n); }
    PYSCORE_INLINE Vf accumulate(Operand hidden, Operand weight, Vf sum) { return multiply_add(hidden, weight, sum); }
};

template <class T> struct DotOf {
    using Type = Widen<T>;
};

#if defined(PYSCORE_DOT_BF16)
// VDPBF16PS: pairs of bfloat16 products, summed in float32.
struct PairDot {
    using H = BFloat16;
    static constexpr std::int64_t kStep = 2 * kLanes;
    using Operand = __m512bh;
    PYSCORE_INLINE Operand get(const BFloat16 *p) { return bits_as<Operand>(_mm512_loadu_si512(p)); }
    PYSCORE_INLINE Operand get_first(const BFloat16 *p, std::int64_t n) {
        return bits_as<Operand>(_mm512_maskz_loadu_epi16((1U << n) - 1, p));
    }
    PYSCORE_INLINE Vf accumulate(Operand hidden, Operand weight, Vf sum) {
        return _mm512_dpbf16_ps(sum, hidden, weight);
    }
};

template <> struct DotOf<BFloat16> {
    using Type = PairDot;
};
#endif

// As many accumulators as leave room for the operands: 24 of 32 registers, or 12 of 16.
#if PYSCORE_LANES == 16 || defined(__aarch64__)
constexpr std::int64_t kTokens = 6;
#else
constexpr std::int64_t kTokens = 3;
#endif
static_assert(kTokens <= kMaxTokens);

// out[i * out_stride + j] = dot(hidden[i], weight[j]) for kRows tokens i and four vocabulary rows j. Spelled out over
// packs, I = 4 i + j: GCC keeps sums that a loop would index in memory.
template <class Dot, class T, std::size_t... Row, std::size_t... I>
static void dot_block(std::index_sequence<Row...>, std::index_sequence<I...>, const typename Dot::H *const *hidden,
                      const T *const *weight, std::int64_t depth, float *out, std::int64_t out_stride) {
    using Operand = typename Dot::Operand;
    const typename Dot::H *const from[] = {hidden[Row]...};
    const T *const w0 = weight[0], *const w1 = weight[1], *const w2 = weight[2], *const w3 = weight[3];
    Vf sum[] = {(static_cast<void>(I), Vf{})...};
    std::int64_t d = 0;
    for (; d + Dot::kStep <= depth; d += Dot::kStep) {
        const Operand h[] = {Dot::get(from[Row] + d)...};
        const Operand w[] = {Dot::get(w0 + d), Dot::get(w1 + d), Dot::get(w2 + d), Dot::get(w3 + d)};
        ((sum[I] = Dot::accumulate(h[I / 4], w[I % 4], sum[I])), ...);
    }
    if (const std::int64_t rest = depth - d; rest > 0) {
        const Operand h[] = {Dot::get_first(from[Row] + d, rest)...};
        const Operand w[] = {Dot::get_first(w0 + d, rest), Dot::get_first(w1 + d, rest), Dot::get_first(w2 + d, rest),
                             Dot::get_first(w3 + d, rest)};
        ((sum[I] = Dot::accumulate(h[I / 4], w[I % 4], sum[I])), ...);
    }
    ((store4(out + static_cast<std::int64_t>(Row) * out_stride,
             sum_lanes_of_four(sum[4 * Row], sum[4 * Row + 1], sum[4 * Row + 2], sum[4 * Row + 3]))),
     ...);
}

// The same for 1 <= rows <= kRows.
template <class Dot, std::size_t kRows, class T>
static void dot_rows(std::int64_t rows, const typename Dot::H *const *hidden, const T *const *weight,
                     std::int64_t depth, float *out, std::int64_t out_stride) {
    if constexpr (kRows > 1) {
        if (rows < static_cast<std::int64_t>(kRows)) {
            dot_rows<Dot, kRows - 1>(rows, hidden, weight, depth, out, out_stride);
            return;
        }
    }
    dot_block<Dot, T>(std::make_index_sequence<kRows>{}, std::make_index_sequence<4 * kRows>{}, hidden, weight, depth,
                      out, out_stride);
}

// Pointers to hidden rows as the dot product takes them; widened into `wide` where T isn't what it takes.
template <class T>
static void hidden_rows(const LinearProblem &problem, const std::int64_t *rows, std::int64_t n, float *wide,
                        const float **pointer) {
    for (std::int64_t i = 0; i < n; ++i) {
        const T *from = static_cast<const T *>(problem.hidden) + rows[i] * problem.hidden_stride;
        float *to = wide + i * problem.depth;
        std::int64_t d = 0;
        for (; d + kLanes <= problem.depth; d += kLanes) {
            store(to + d, load(from + d));
        }
        if (d < problem.depth) {
            const Vf rest = load_first(from + d, problem.depth - d);
            std::memcpy(to + d, &rest, static_cast<std::size_t>(problem.depth - d) * sizeof(float));
        }
        pointer[i] = to;
    }
}

template <class T>
static void hidden_rows(const LinearProblem &problem, const std::int64_t *rows, std::int64_t n, float *,
                        const T **pointer) {
    for (std::int64_t i = 0; i < n; ++i) {
        pointer[i] = static_cast<const T *>(problem.hidden) + rows[i] * problem.hidden_stride;
    }
}

// Logits of n vocabulary rows from `first` on, products to final, in place; then padded with -inf for the fold.
static void finish_logits(const LinearProblem &problem, std::int64_t first, std::int64_t n, RowTransform transform,
                          float *z) {
    for (std::int64_t i = 0; i < n; i += kLanes) {
        Vf s = load(z + i);
        if (problem.bias != nullptr) {
            const std::int64_t here = n - i < kLanes ? n - i : kLanes;
            s += here == kLanes ? load(problem.bias + first + i) : load_first(problem.bias + first + i, here);
        }
        store(z + i, apply(transform, problem.logit_scale * s));
    }
    for (std::int64_t i = n; i < padded(n); ++i) {
        z[i] = -kInf;
    }
}

template <class T> static void fold_linear(const LinearProblem &problem, const LinearTask &task) {
    using Dot = typename DotOf<T>::Type;
    const std::int64_t blocks = (task.n_rows + kTokens - 1) / kTokens;
    const Ahead none{reinterpret_cast<const char *>(task.logits), 0};
    for (std::int64_t first = task.first_column; first < task.last_column; first += task.tile) {
        const std::int64_t n = task.last_column - first < task.tile ? task.last_column - first : task.tile;
        for (std::int64_t block = 0; block < blocks; ++block) { // of nearly equal size: no lone last token
            const std::int64_t begin = block * task.n_rows / blocks, end = (block + 1) * task.n_rows / blocks;
            const typename Dot::H *hidden[kTokens];
            hidden_rows<T>(problem, task.rows + begin, end - begin, task.wide, hidden);
            for (std::int64_t v = 0; v < n; v += 4) {
                const T *weight[4];
                for (std::int64_t j = 0; j < 4; ++j) { // past the end the last row again: computed, never used
                    const std::int64_t column = first + (v + j < n ? v + j : n - 1);
                    weight[j] = static_cast<const T *>(problem.weight) + column * problem.weight_stride;
                }
                dot_rows<Dot, kTokens>(end - begin, hidden, weight, problem.depth, task.logits + v, task.logits_stride);
            }
            for (std::int64_t i = begin; i < end; ++i) {
                float *z = task.logits + (i - begin) * task.logits_stride;
                finish_logits(problem, first, n, row_transform(problem.transform, task.rows[i]), z);
                merge(task.sums[i], fold(z, n, first, task.entropy, none, task.sides[i]));
            }
        }
    }
}

// Final logits of single columns of one row; a column outside of the weight gives -inf.
template <class T>
static void gather_linear(const LinearProblem &problem, std::int64_t row, const std::int64_t *columns, std::int64_t n,
                          float *wide, float *z) {
    using Dot = typename DotOf<T>::Type;
    const RowTransform transform = row_transform(problem.transform, row);
    const typename Dot::H *hidden[1];
    hidden_rows<T>(problem, &row, 1, wide, hidden);
    for (std::int64_t first = 0; first < n; first += 4) {
        const std::int64_t here = n - first < 4 ? n - first : 4;
        const T *weight[4];
        float logits[kLanes < 4 ? 4 : kLanes] = {};
        float bias[kLanes] = {};
        for (std::int64_t j = 0; j < 4; ++j) {
            const std::int64_t column = j < here ? columns[first + j] : -1;
            const bool inside = column >= 0 && column < problem.columns;
            weight[j] = static_cast<const T *>(problem.weight) + (inside ? column : 0) * problem.weight_stride;
            bias[j] = inside && problem.bias != nullptr ? problem.bias[column] : 0;
        }
        dot_rows<Dot, 1>(1, hidden, weight, problem.depth, logits, 4);
        Vf s = load(logits);
        s = problem.bias == nullptr ? s : s + load(bias);
        float found[kLanes];
        store(found, apply(transform, problem.logit_scale * s));
        for (std::int64_t j = 0; j < here; ++j) {
            const std::int64_t column = columns[first + j];
            z[first + j] = column >= 0 && column < problem.columns ? found[j] : -kInf;
        }
    }
}
