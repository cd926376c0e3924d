// From a score s to a final logit z, the same operations on a tile and on a single gathered target.

struct RowTransform {
    float softcap = 0;
    float temperature = 1;
    [[nodiscard]] bool identity() const { return softcap == 0 && temperature == 1; }
};

static RowTransform row_transform(const LogitTransform &transform, std::int64_t row) {
    return {transform.softcap, transform.temperature == nullptr ? 1.0F : transform.temperature[row]};
}

PYSCORE_INLINE Vf apply(RowTransform transform, Vf s) {
    if (transform.softcap != 0) {
        s = transform.softcap * hyperbolic_tangent(s / transform.softcap);
    }
    return transform.temperature == 1 ? s : s / transform.temperature;
}
