// Ready logits: one read of a row in tiles, widened and transformed into L1, then folded.

// Writes the final logits of columns [first, first + n) of a row to z, padded for the fold, and returns their
// largest().
template <class T>
static Vf load_tile(const T *row, std::int64_t stride, std::int64_t first, std::int64_t n, RowTransform transform,
                    float *z) {
    const T *p = row + first * stride;
    const std::int64_t whole = stride == 1 ? n / kFoldStep * kFoldStep : 0;
    const bool identity = transform.identity();
    Vf m[4] = {splat(-kInf), splat(-kInf), splat(-kInf), splat(-kInf)};
    for (std::int64_t i = 0; i < whole; i += kFoldStep) {
        for (std::int64_t j = 0; j < 4; ++j) {
            const Vf logit = load(p + i + j * kLanes), final = identity ? logit : apply(transform, logit);
            store(z + i + j * kLanes, final);
            m[j] = larger(final, m[j]);
        }
    }
    for (std::int64_t i = whole; i < n; i += kLanes) {
        T gathered[kLanes] = {};
        for (std::int64_t j = 0; j < kLanes && i + j < n; ++j) {
            gathered[j] = p[(i + j) * stride];
        }
        store(z + i, apply(transform, load(gathered)));
    }
    for (std::int64_t i = n; i < padded(n); ++i) {
        z[i] = -kInf;
    }
    const Vf rest = largest(z + whole, padded(n) - whole);
    return larger(rest, larger(larger(m[0], m[1]), larger(m[2], m[3])));
}

// A whole tile of untransformed, contiguous float32 is folded where it lies.
static const float *tile_in_place(const float *row, std::int64_t first) { return row + first; }
template <class T> static const float *tile_in_place(const T *, std::int64_t) { return nullptr; }

// Bytes between the end of the tile that is computed and what is fetched meanwhile. Measured on Zen 5 with two threads:
// 8 KiB is 1.15x as fast as 0, and 16 KiB no faster.
constexpr std::int64_t kFetchAhead = 8192;

template <class T>
static void fold_ready(const LogitsProblem &problem, std::int64_t row_index, std::int64_t first_tile,
                       std::int64_t last_tile, PieceSums *sums, RowSide &side) {
    alignas(64) float scratch[kReadyTile];
    const T *row = static_cast<const T *>(problem.data) + row_index * problem.row_stride;
    const RowTransform transform = row_transform(problem.transform, row_index);
    const std::int64_t stride = problem.column_stride;
    const bool in_place = stride == 1 && transform.identity();
    const Ahead none{reinterpret_cast<const char *>(row), 0};
    for (std::int64_t tile = first_tile; tile < last_tile; ++tile) {
        const std::int64_t first = tile * kReadyTile;
        const std::int64_t n = problem.columns - first < kReadyTile ? problem.columns - first : kReadyTile;
        const float *z = in_place && n == kReadyTile ? tile_in_place(row, first) : nullptr;
        Vf largest_of_lane;
        if (z == nullptr) {
            largest_of_lane = load_tile(row, stride, first, n, transform, scratch);
            z = scratch;
        } else {
            largest_of_lane = largest(z, n);
        }
        // A prefetch never faults, so the row's last tiles may look past its end.
        const Ahead ahead{reinterpret_cast<const char *>(row + (first + n) * stride) + kFetchAhead, sizeof(T)};
        fold(z, n, largest_of_lane, first, stride == 1 ? ahead : none, side, sums[tile]);
    }
}

// Final logits of single columns of a row; a column outside of the row gives -inf.
template <class T>
static void gather_ready(const LogitsProblem &problem, std::int64_t row_index, const std::int64_t *columns,
                         std::int64_t n, float *z) {
    const T *row = static_cast<const T *>(problem.data) + row_index * problem.row_stride;
    const RowTransform transform = row_transform(problem.transform, row_index);
    for (std::int64_t i = 0; i < n; i += kLanes) {
        const std::int64_t here = n - i < kLanes ? n - i : kLanes;
        T gathered[kLanes] = {};
        for (std::int64_t j = 0; j < here; ++j) {
            const std::int64_t column = columns[i + j];
            if (column >= 0 && column < problem.columns) {
                gathered[j] = row[column * problem.column_stride];
            }
        }
        float found[kLanes];
        store(found, apply(transform, load(gathered)));
        for (std::int64_t j = 0; j < here; ++j) {
            z[i + j] = columns[i + j] >= 0 && columns[i + j] < problem.columns ? found[j] : -kInf;
        }
    }
}
