// Linear logits: blocks of vocabulary rows x tokens as dot products, four vector lanes along the depth.
//
// A vector holds kVectorTokens tokens with four partial sums each. One step reads a quad, 16 bytes of the depth, of
// each operand: the weight's as it lies in memory, broadcast to every token of a vector; the hidden states' from a
// panel that holds the quads of one step side by side. So no weight is ever packed; few tokens are
// bound by reading the weights, many by the multiply-adds. Each (token, vocabulary row) pair has its own four partial
// sums, a fixed tree over them and fixed blocks of the depth, so its bits don't depend on which block it is in, and a
// gathered target has the bits of the full pass.

constexpr std::int64_t kVectorTokens = kLanes / 4; // tokens of a vector
// Steps of a block of the depth, each with fresh partial sums: float sums stay short, and a panel's block fits in L1.
constexpr std::int64_t kBlockSteps = 64;
constexpr std::int64_t kRowsAtOnce = 4; // vocabulary rows of a block; dot_block has a variable for each

// As many vectors of tokens as leave registers for the operands. Four rows times 6 vectors are 24 sums in the 32
// registers of AVX-512 and AArch64; times 3 they are 12 in the 16 of AVX2; times 2 they are 8 in the 16 of SSE2, where
// without a fused multiply-add a product needs a register too.
#if PYSCORE_LANES == 16 || defined(__aarch64__)
constexpr std::int64_t kVectors = 6;
#elif PYSCORE_LANES == 8
constexpr std::int64_t kVectors = 3;
#else
constexpr std::int64_t kVectors = 2;
#endif
static_assert(kVectors * kVectorTokens <= kMaxPanelTokens);

// How a dot product of weights stored as T steps through the depth: kStep elements a quad. Panels hold what `widen`
// makes of a hidden state's quad.
template <class T> struct WidenedDot {
    static constexpr std::int64_t kStep = 4;
    PYSCORE_INLINE Vf weight(const T *p) { return broadcast_quad(p); }
    PYSCORE_INLINE void widen(const T *p, char *to) {
        store4(reinterpret_cast<float *>(to), first_quad(broadcast_quad(p)));
    }
    PYSCORE_INLINE Vf accumulate(Vf hidden, Vf weight, Vf sum) { return multiply_add(hidden, weight, sum); }
};

template <class T> struct DotOf {
    using Type = WidenedDot<T>;
};

#if defined(PYSCORE_DOT_BF16)
// VDPBF16PS: pairs of bfloat16 products, summed in float32.
struct PairDot {
    static constexpr std::int64_t kStep = 8;
    PYSCORE_INLINE Vf weight(const BFloat16 *p) { return broadcast_quad(reinterpret_cast<const float *>(p)); }
    PYSCORE_INLINE void widen(const BFloat16 *p, char *to) { std::memcpy(to, p, kQuadBytes); }
    PYSCORE_INLINE Vf accumulate(Vf hidden, Vf weight, Vf sum) {
        return _mm512_dpbf16_ps(sum, bits_as<__m512bh>(hidden), bits_as<__m512bh>(weight));
    }
};

template <> struct DotOf<BFloat16> {
    using Type = PairDot;
};
#endif

// A block of the depth of four vocabulary rows, to be multiplied with a panel of tokens.
template <class T> struct DotBlock {
    const T *weight[kRowsAtOnce]; // at the block's first element
    const char *panel = nullptr;  // at the block's first step
    std::int64_t steps = 0;       // whole quads
    std::int64_t rest = 0;        // elements after them, fewer than a quad
    bool first = false, last = false;
    float *partial = nullptr; // sums of earlier blocks of the depth, [4 * vectors] vectors
    float *out = nullptr;     // products of token t with row j: out[t * out_stride + j]
    std::int64_t out_stride = 0;
    const char *ahead = nullptr; // weights to fetch meanwhile, ahead_bytes a step
    std::int64_t ahead_bytes = 0;
};

// The first n elements at p as a quad, then zeros. Nothing past them is touched.
template <class Dot, class T> static Vf first_of_quad(const T *p, std::int64_t n) {
    T quad[Dot::kStep] = {};
    for (std::int64_t i = 0; i < n; ++i) {
        quad[i] = p[i];
    }
    return Dot::weight(quad);
}

// Parameter packs (I = row * vectors + vector) take the place of loops, since GCC keeps sums that a loop indexes in
// memory instead of registers.
template <class Dot, class T, std::size_t... Vector, std::size_t... I>
static void dot_block(std::index_sequence<Vector...>, std::index_sequence<I...>, const DotBlock<T> &block) {
    constexpr std::size_t kN = sizeof...(Vector);
    const T *w0 = block.weight[0], *w1 = block.weight[1], *w2 = block.weight[2], *w3 = block.weight[3];
    const float *panel = reinterpret_cast<const float *>(block.panel);
    const char *ahead = block.ahead;
    Vf sum[] = {(static_cast<void>(I), Vf{})...};
    for (std::int64_t step = 0; step < block.steps; ++step) {
        __builtin_prefetch(ahead);
        ahead += block.ahead_bytes;
        const Vf h[] = {load(panel + static_cast<std::int64_t>(Vector) * kLanes)...};
        panel += static_cast<std::int64_t>(kN) * kLanes;
        const Vf r0 = Dot::weight(w0);
        ((sum[Vector] = Dot::accumulate(h[Vector], r0, sum[Vector])), ...);
        const Vf r1 = Dot::weight(w1);
        ((sum[kN + Vector] = Dot::accumulate(h[Vector], r1, sum[kN + Vector])), ...);
        const Vf r2 = Dot::weight(w2);
        ((sum[2 * kN + Vector] = Dot::accumulate(h[Vector], r2, sum[2 * kN + Vector])), ...);
        const Vf r3 = Dot::weight(w3);
        ((sum[3 * kN + Vector] = Dot::accumulate(h[Vector], r3, sum[3 * kN + Vector])), ...);
        w0 += Dot::kStep, w1 += Dot::kStep, w2 += Dot::kStep, w3 += Dot::kStep;
    }
    if (block.rest > 0) {
        const Vf h[] = {load(panel + static_cast<std::int64_t>(Vector) * kLanes)...};
        const Vf r[] = {first_of_quad<Dot>(w0, block.rest), first_of_quad<Dot>(w1, block.rest),
                        first_of_quad<Dot>(w2, block.rest), first_of_quad<Dot>(w3, block.rest)};
        ((sum[I] = Dot::accumulate(h[I % kN], r[I / kN], sum[I])), ...);
    }
    if (!block.first) {
        ((sum[I] = load(block.partial + static_cast<std::int64_t>(I) * kLanes) + sum[I]), ...);
    }
    if (!block.last) {
        (store(block.partial + static_cast<std::int64_t>(I) * kLanes, sum[I]), ...);
        return;
    }
    (store_quads(block.out + static_cast<std::int64_t>(Vector) * kVectorTokens * block.out_stride, block.out_stride,
                 sum_quads(sum[Vector], sum[kN + Vector], sum[2 * kN + Vector], sum[3 * kN + Vector])),
     ...);
}

// dot_block for a number of vectors that is known at run time only, 1 <= vectors <= kN.
template <class Dot, std::size_t kN, class T> static void dot_vectors(std::int64_t vectors, const DotBlock<T> &block) {
    if constexpr (kN > 1) {
        if (vectors < static_cast<std::int64_t>(kN)) {
            dot_vectors<Dot, kN - 1>(vectors, block);
            return;
        }
    }
    dot_block<Dot, T>(std::make_index_sequence<kN>{}, std::make_index_sequence<4 * kN>{}, block);
}

// Tokens whose quads lie side by side: quad (step, token) is at 16 * (step * kVectorTokens * vectors + token) bytes.
struct Panel {
    char *data = nullptr;
    std::int64_t first_token = 0, vectors = 0;
};

// Hidden states of a panel's tokens, of rows[0, n); tokens and elements that pad it are zero.
template <class Dot, class T>
static void fill_panel(const LinearProblem &problem, const std::int64_t *rows, std::int64_t n, const Panel &panel) {
    const std::int64_t whole = problem.depth / Dot::kStep, rest = problem.depth % Dot::kStep;
    const std::int64_t tokens = panel.vectors * kVectorTokens, step_bytes = tokens * kQuadBytes;
    for (std::int64_t token = 0; token < tokens; ++token) {
        char *to = panel.data + token * kQuadBytes;
        if (panel.first_token + token >= n) {
            for (std::int64_t step = 0; step < whole + (rest > 0 ? 1 : 0); ++step) {
                std::memset(to + step * step_bytes, 0, kQuadBytes);
            }
            continue;
        }
        const T *from =
            static_cast<const T *>(problem.hidden) + rows[panel.first_token + token] * problem.hidden_stride;
        for (std::int64_t step = 0; step < whole; ++step) {
            Dot::widen(from + step * Dot::kStep, to + step * step_bytes);
        }
        if (rest > 0) {
            T quad[Dot::kStep] = {};
            std::memcpy(quad, from + whole * Dot::kStep, static_cast<std::size_t>(rest) * sizeof(T));
            Dot::widen(quad, to + whole * step_bytes);
        }
    }
}

// Bytes that are prefetched while a product is computed, some at each of its steps.
struct Fetch {
    const char *from = nullptr;
    std::int64_t bytes = 0;
};

// Products of a panel's tokens with vocabulary rows [first, first + n), by blocks of the depth: while one is in L1, all
// rows pass over it. The last row is repeated where four don't fit: those products are computed and never used.
template <class Dot, class T>
static void multiply(const LinearProblem &problem, const Panel &panel, std::int64_t first, std::int64_t n, float *out,
                     std::int64_t out_stride, float *partial, Fetch ahead) {
    const std::int64_t whole = problem.depth / Dot::kStep, step_bytes = panel.vectors * kLanes * 4;
    DotBlock<T> block;
    block.out_stride = out_stride;
    const std::int64_t all_steps = divide_up(n, kRowsAtOnce) * whole;
    std::int64_t steps_done = 0;
    block.ahead_bytes = all_steps == 0 ? 0 : divide_up(ahead.bytes, all_steps);
    block.first = true;
    for (std::int64_t step = 0; !block.last; step += block.steps, block.first = false) {
        block.last = whole - step <= kBlockSteps;
        block.steps = block.last ? whole - step : kBlockSteps;
        block.rest = block.last ? problem.depth % Dot::kStep : 0;
        block.panel = panel.data + step * step_bytes;
        for (std::int64_t v = 0; v < n; v += kRowsAtOnce) {
            for (std::int64_t j = 0; j < kRowsAtOnce; ++j) {
                const std::int64_t column = first + (v + j < n ? v + j : n - 1);
                block.weight[j] =
                    static_cast<const T *>(problem.weight) + column * problem.weight_stride + step * Dot::kStep;
            }
            block.partial = partial + v * kVectors * kLanes;
            block.out = out + panel.first_token * out_stride + v;
            block.ahead = ahead.from + (all_steps == 0 ? 0 : steps_done * ahead.bytes / all_steps);
            steps_done += block.steps;
            dot_vectors<Dot, kVectors>(panel.vectors, block);
        }
    }
}

// Logits of n vocabulary rows from `first` on, products to final, in place; then padded with -inf for the fold.
static void finish_logits(const LinearProblem &problem, std::int64_t first, std::int64_t n, RowTransform transform,
                          float *z) {
    const bool as_they_are = problem.bias == nullptr && problem.logit_scale == 1 && transform.identity();
    for (std::int64_t i = 0; i < n && !as_they_are; i += kLanes) {
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
    const std::int64_t vectors = divide_up(task.n_rows, kVectorTokens), n_panels = divide_up(vectors, kVectors);
    const std::int64_t vector_bytes = divide_up(problem.depth, Dot::kStep) * kLanes * 4;
    const auto panel = [&](std::int64_t p) { // panels are of nearly equal size, so that the last is no lone token
        const std::int64_t begin = p * vectors / n_panels, end = (p + 1) * vectors / n_panels;
        return Panel{task.panels + begin * vector_bytes, begin * kVectorTokens, end - begin};
    };
    for (std::int64_t p = 0; p < n_panels; ++p) {
        fill_panel<Dot, T>(problem, task.rows, task.n_rows, panel(p));
    }
    const Ahead none{reinterpret_cast<const char *>(task.logits), 0};
    for (std::int64_t first = task.first_column; first < task.last_column; first += kLinearTile) {
        const std::int64_t n = task.last_column - first < kLinearTile ? task.last_column - first : kLinearTile;
        for (std::int64_t v = 0; v < n; v += task.strip) { // while a strip's weights are in L2, all tokens pass over it
            const std::int64_t strip = n - v < task.strip ? n - v : task.strip;
            const char *next = reinterpret_cast<const char *>(static_cast<const T *>(problem.weight) +
                                                              (first + v + strip) * problem.weight_stride);
            const std::int64_t share = strip * problem.depth * static_cast<std::int64_t>(sizeof(T)) / n_panels;
            for (std::int64_t p = 0; p < n_panels; ++p) { // all panels together fetch the next strip
                multiply<Dot, T>(problem, panel(p), first + v, strip, task.logits + v, kLinearTile, task.partial,
                                 {next + p * share, share});
            }
        }
        for (std::int64_t i = 0; i < task.n_rows; ++i) {
            float *z = task.logits + i * kLinearTile;
            finish_logits(problem, first, n, row_transform(problem.transform, task.rows[i]), z);
            fold(z, n, largest(z, padded(n)), first, none, task.sides[i], task.sums[i]);
        }
    }
}

// Final logits of single columns of one row; a column outside of the weight gives -inf.
template <class T>
static void gather_linear(const LinearProblem &problem, std::int64_t row, const std::int64_t *columns, std::int64_t n,
                          char *panel, float *z) {
    using Dot = typename DotOf<T>::Type;
    const RowTransform transform = row_transform(problem.transform, row);
    const Panel single{panel, 0, 1};
    fill_panel<Dot, T>(problem, &row, 1, single);
    for (std::int64_t i = 0; i < n; ++i) {
        const std::int64_t column = columns[i];
        if (column < 0 || column >= problem.columns) {
            z[i] = -kInf;
            continue;
        }
        float product[kFoldStep]; // four logits of kVectorTokens tokens, then padding
        float partial[kRowsAtOnce * kVectors * kLanes];
        multiply<Dot, T>(problem, single, column, 1, product, kRowsAtOnce, partial, {panel, 0});
        finish_logits(problem, column, 1, transform, product);
        z[i] = product[0];
    }
}
