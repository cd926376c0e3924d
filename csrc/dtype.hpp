// Element types of the arrays that cross from Python, and the only place that tells them apart.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace pyscore {

// 16-bit floats travel as their bits: neither C++17 nor NumPy has bfloat16.
struct BFloat16 {
    std::uint16_t bits;
};
struct Float16 {
    std::uint16_t bits;
};

enum class DType : std::size_t { float32, bfloat16, float16 };

inline constexpr std::size_t kDTypes = 3;

struct DTypeInfo {
    const char *tag;
    std::int64_t itemsize;
};

inline constexpr std::array<DTypeInfo, kDTypes> kDTypeInfo{{{"float32", 4}, {"bfloat16", 2}, {"float16", 2}}};

// What a kernel has one of for each element type.
template <class T> struct PerDType {
    std::array<T, kDTypes> of;
    const T &operator[](DType dtype) const { return of[static_cast<std::size_t>(dtype)]; }
};

inline const DTypeInfo &info(DType dtype) { return kDTypeInfo[static_cast<std::size_t>(dtype)]; }

inline DType parse_dtype(const std::string &tag) {
    for (std::size_t i = 0; i < kDTypes; ++i) {
        if (tag == kDTypeInfo[i].tag) {
            return static_cast<DType>(i);
        }
    }
    throw std::invalid_argument("dtype must be float32, bfloat16 or float16, not " + tag);
}

} // namespace pyscore
