// Vectors of one instruction set: loads that widen to float, multiply-add, exp, tanh, sums across lanes.
//
// Included by every variant inside its own namespace and target region, after all standard headers. The variant
// defines PYSCORE_LANES, the floats in a vector. GCC's vector extensions (clang has them too) do most of the work;
// intrinsics serve where the extensions can't promise an instruction. The build turns contraction off, so multiply_add
// is the only fused operation: a lane's bits depend on its inputs alone, never on the code around it.

#define PYSCORE_INLINE static inline __attribute__((always_inline))

constexpr std::int64_t kLanes = PYSCORE_LANES;
using Vf = float __attribute__((vector_size(PYSCORE_LANES * 4)));
using Vi = std::int32_t __attribute__((vector_size(PYSCORE_LANES * 4)));
using Vu = std::uint32_t __attribute__((vector_size(PYSCORE_LANES * 4)));
using Vh = std::uint16_t __attribute__((vector_size(PYSCORE_LANES * 2)));
using V4f = float __attribute__((vector_size(16)));

template <class To, class From> PYSCORE_INLINE To bits_as(From from) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}

PYSCORE_INLINE Vf splat(float x) { return Vf{} + x; }

PYSCORE_INLINE Vf multiply_add(Vf a, Vf b, Vf c) {
#if PYSCORE_LANES == 16
    return _mm512_fmadd_ps(a, b, c);
#elif PYSCORE_LANES == 8
    return _mm256_fmadd_ps(a, b, c);
#elif defined(__aarch64__)
    return vfmaq_f32(c, a, b);
#else
    return a * b + c;
#endif
}

#if PYSCORE_LANES >= 8 || defined(__aarch64__)
#define PYSCORE_FUSES 1 // one rounding for a product and a sum

PYSCORE_INLINE Vf multiply_subtract(Vf a, Vf b, Vf c) { return multiply_add(a, b, -c); }
#endif

// a > b ? a : b, lane by lane: b where either is NaN.
PYSCORE_INLINE Vf larger(Vf a, Vf b) {
#if PYSCORE_LANES == 16
    return _mm512_max_ps(a, b);
#elif PYSCORE_LANES == 8
    return _mm256_max_ps(a, b);
#elif defined(__SSE2__)
    return _mm_max_ps(a, b);
#else
    return a > b ? a : b;
#endif
}

PYSCORE_INLINE Vf load(const float *p) {
    Vf v;
    std::memcpy(&v, p, sizeof v);
    return v;
}

PYSCORE_INLINE Vu load_halves(const void *p) {
    Vh h;
    std::memcpy(&h, p, sizeof h);
    return __builtin_convertvector(h, Vu);
}

PYSCORE_INLINE Vf load(const BFloat16 *p) { return bits_as<Vf>(load_halves(p) << 16); }

PYSCORE_INLINE Vf load(const Float16 *p) {
#if PYSCORE_LANES == 16
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(p)));
#elif PYSCORE_LANES == 8
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i *>(p)));
#else
    // A half's exponent and mantissa, shifted to those of a float, are its value times 2^-112, subnormals included.
    const Vu h = load_halves(p), magnitude = (h & 0x7fffU) << 13, sign = (h & 0x8000U) << 16;
    const Vu value = bits_as<Vu>(bits_as<Vf>(magnitude) * 0x1p112F);
    const Vu infinite_or_nan = bits_as<Vu>(magnitude >= (0x7c00U << 13)) & 0x7f800000U;
    return bits_as<Vf>(value | infinite_or_nan | sign);
#endif
}

PYSCORE_INLINE void store(float *p, Vf v) { std::memcpy(p, &v, sizeof v); }
PYSCORE_INLINE void store4(float *p, V4f v) { std::memcpy(p, &v, sizeof v); }

// The first n < kLanes floats at p, then zeros. Nothing past them is touched.
PYSCORE_INLINE Vf load_first(const float *p, std::int64_t n) {
#if PYSCORE_LANES == 16
    return _mm512_maskz_loadu_ps((1U << n) - 1, p);
#else
    float buffer[kLanes] = {};
    std::memcpy(buffer, p, static_cast<std::size_t>(n) * sizeof(float));
    return load(buffer);
#endif
}

// One value of all lanes by op, always the same tree: lane i with lane i + half.
template <class Op> PYSCORE_INLINE float across_lanes(Vf v, Op op) {
#if PYSCORE_LANES == 16
    const auto half = op(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    const V4f quad = op(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
#elif PYSCORE_LANES == 8
    const V4f quad = op(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
#else
    const V4f quad = v;
#endif
    return op(op(quad[0], quad[2]), op(quad[1], quad[3]));
}

PYSCORE_INLINE float sum_lanes(Vf v) {
    return across_lanes(v, [](auto a, auto b) __attribute__((always_inline)) { return a + b; });
}

PYSCORE_INLINE float max_lanes(Vf v) {
    return across_lanes(v, [](auto a, auto b) __attribute__((always_inline)) { return a > b ? a : b; });
}

// Whether any lane is above x; NaN is not.
PYSCORE_INLINE bool any_above(Vf v, float x) {
#if PYSCORE_LANES == 16
    return _mm512_cmp_ps_mask(v, splat(x), _CMP_GT_OQ) != 0;
#elif PYSCORE_LANES == 8
    return _mm256_movemask_ps(_mm256_cmp_ps(v, splat(x), _CMP_GT_OQ)) != 0;
#elif defined(__SSE2__)
    return _mm_movemask_ps(_mm_cmpgt_ps(v, splat(x))) != 0;
#else
    return max_lanes(v) > x;
#endif
}

// exp(t) = fraction * power, an exact product: a sum takes it in one multiply_add. For t <= 88. Exactly 0 below
// -87.7, where k + 127 is 0: a sum that also holds exp(0) rounds such terms away in any case. Exactly 1 at 0. Relative
// error under 2e-7 + 2e-8 |t|: t log2(e) = k + r, |r| <= 1/2, and a minimax polynomial for 2^r.
struct Exponential {
    Vf fraction, power;
    Vf t; // as bounded: finite, unless NaN
};

PYSCORE_INLINE Exponential exponential(Vf t) {
    constexpr float kLog2E = 1.44269504F;
    constexpr float kRound =
        12582912.0F + 127.0F; // 1.5 * 2^23 + bias: adding it rounds, and leaves k + 127 in the low bits
    t = larger(splat(-88.0F), t);
    const Vf rounded = multiply_add(t, splat(kLog2E), splat(kRound)), k = rounded - kRound;
#if defined(PYSCORE_FUSES)
    const Vf r = multiply_subtract(t, splat(kLog2E), k); // the product is exact, so r has no error of its own
#else
    // ln 2 as a sum of two numbers: the first has 9 bits, so k times it is exact
    const Vf r = ((t - k * 0.693359375F) + k * 2.12194440e-4F) * kLog2E;
#endif
    Vf p = splat(1.326472731307149e-3F);
    p = multiply_add(p, r, splat(9.671512991189957e-3F));
    p = multiply_add(p, r, splat(5.550733581185341e-2F));
    p = multiply_add(p, r, splat(2.4022242426872253e-1F));
    p = multiply_add(p, r, splat(6.931470036506653e-1F));
    p = multiply_add(p, r, splat(1.0F));
    return {p, bits_as<Vf>(bits_as<Vu>(rounded) << 23), t};
}

PYSCORE_INLINE Vf exp_upto(Vf t) {
    const Exponential e = exponential(t);
    return e.fraction * e.power;
}

// Relative error under 3e-7; NaN stays NaN, infinities give 1 and -1.
PYSCORE_INLINE Vf hyperbolic_tangent(Vf x) {
    const Vu sign = bits_as<Vu>(x) & 0x80000000U;
    const Vf magnitude = bits_as<Vf>(bits_as<Vu>(x) ^ sign);
    const Vf u = x * x;
    Vf p = splat(-5.7049854116309195e-3F);
    p = multiply_add(p, u, splat(2.0639085856415405e-2F));
    p = multiply_add(p, u, splat(-5.3739714667516e-2F));
    p = multiply_add(p, u, splat(1.3331442193224058e-1F));
    p = multiply_add(p, u, splat(-3.333328194182961e-1F));
    const Vf near = multiply_add(p * u, x, x); // minimax for |x| < 0.625, where the other form would cancel
    const Vf bounded = magnitude > 10.0F ? splat(10.0F) : magnitude; // tanh(10) is 1 in float
    const Vf far = 1.0F - 2.0F / (exp_upto(bounded + bounded) + 1.0F);
    const Vf signed_far = bits_as<Vf>(bits_as<Vu>(far) | sign);
    return magnitude < 0.625F ? near : signed_far;
}

// A quad is four lanes, 16 bytes. broadcast_quad gives the four elements at p, widened, in every quad of a vector.
#if PYSCORE_LANES == 16
PYSCORE_INLINE Vf broadcast_quad(const float *p) { return _mm512_broadcast_f32x4(_mm_loadu_ps(p)); }

PYSCORE_INLINE __m256i broadcast_halves(const void *p) {
    long long bits = 0;
    std::memcpy(&bits, p, sizeof bits);
    return _mm256_set1_epi64x(bits);
}

PYSCORE_INLINE Vf broadcast_quad(const BFloat16 *p) {
    return bits_as<Vf>(_mm512_slli_epi32(_mm512_cvtepu16_epi32(broadcast_halves(p)), 16));
}

PYSCORE_INLINE Vf broadcast_quad(const Float16 *p) { return _mm512_cvtph_ps(broadcast_halves(p)); }
#elif PYSCORE_LANES == 8
PYSCORE_INLINE Vf broadcast_quad(const float *p) { return _mm256_broadcast_ps(reinterpret_cast<const __m128 *>(p)); }

PYSCORE_INLINE __m128i broadcast_halves(const void *p) {
    long long bits = 0;
    std::memcpy(&bits, p, sizeof bits);
    return _mm_set1_epi64x(bits);
}

PYSCORE_INLINE Vf broadcast_quad(const BFloat16 *p) {
    return bits_as<Vf>(_mm256_slli_epi32(_mm256_cvtepu16_epi32(broadcast_halves(p)), 16));
}

PYSCORE_INLINE Vf broadcast_quad(const Float16 *p) { return _mm256_cvtph_ps(broadcast_halves(p)); }
#else
template <class T> PYSCORE_INLINE Vf broadcast_quad(const T *p) { return load(p); }
#endif

PYSCORE_INLINE V4f first_quad(Vf v) {
#if PYSCORE_LANES == 16
    return _mm512_castps512_ps128(v);
#elif PYSCORE_LANES == 8
    return _mm256_castps256_ps128(v);
#else
    return v;
#endif
}

// Quad q of the result holds the sums over quad q of a, b, c and d, each by the same tree.
PYSCORE_INLINE Vf sum_quads(Vf a, Vf b, Vf c, Vf d) {
#if PYSCORE_LANES == 16
    const Vf ab = _mm512_unpacklo_ps(a, b) + _mm512_unpackhi_ps(a, b);
    const Vf cd = _mm512_unpacklo_ps(c, d) + _mm512_unpackhi_ps(c, d);
    return _mm512_shuffle_ps(ab, cd, 0x44) + _mm512_shuffle_ps(ab, cd, 0xee);
#elif PYSCORE_LANES == 8
    const Vf ab = _mm256_unpacklo_ps(a, b) + _mm256_unpackhi_ps(a, b);
    const Vf cd = _mm256_unpacklo_ps(c, d) + _mm256_unpackhi_ps(c, d);
    return _mm256_shuffle_ps(ab, cd, 0x44) + _mm256_shuffle_ps(ab, cd, 0xee);
#elif defined(__SSE2__)
    const Vf ab = _mm_unpacklo_ps(a, b) + _mm_unpackhi_ps(a, b);
    const Vf cd = _mm_unpacklo_ps(c, d) + _mm_unpackhi_ps(c, d);
    return _mm_shuffle_ps(ab, cd, 0x44) + _mm_shuffle_ps(ab, cd, 0xee);
#elif defined(__aarch64__)
    return vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d));
#else
    return Vf{sum_lanes(a), sum_lanes(b), sum_lanes(c), sum_lanes(d)};
#endif
}

// Writes quad q to p + q * stride.
PYSCORE_INLINE void store_quads(float *p, std::int64_t stride, Vf v) {
    store4(p, first_quad(v));
#if PYSCORE_LANES == 16
    store4(p + stride, _mm512_extractf32x4_ps(v, 1));
    store4(p + 2 * stride, _mm512_extractf32x4_ps(v, 2));
    store4(p + 3 * stride, _mm512_extractf32x4_ps(v, 3));
#elif PYSCORE_LANES == 8
    store4(p + stride, _mm256_extractf128_ps(v, 1));
#else
    static_cast<void>(stride);
#endif
}
