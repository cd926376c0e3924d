// NumPy arrays in and out of the bindings: checks of what the adapters promise, and nothing more.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "float_environment.hpp"

namespace pyscore {

// A contiguous vector; bound with noconvert(), so that another dtype is refused and nothing is ever copied.
template <class T> using Vector = pybind11::array_t<T, pybind11::array::c_style>;
template <class T> using OptionalVector = std::optional<Vector<T>>;

inline void require(bool condition, const char *argument, const char *wanted) {
    if (!condition) {
        throw std::invalid_argument(std::string(argument) + " must be " + wanted);
    }
}

template <class T> const T *vector_data(const Vector<T> &array, std::int64_t size, const char *argument) {
    require(array.ndim() == 1 && array.shape(0) == size, argument, "a vector of the expected length");
    return array.data();
}

template <class T> const T *vector_data(const OptionalVector<T> &array, std::int64_t size, const char *argument) {
    return array ? vector_data(*array, size, argument) : nullptr;
}

// Offsets [n + 1] that start at 0, never fall and end at `total`.
inline const std::int64_t *offsets_data(const Vector<std::int64_t> &offsets, std::int64_t n, std::int64_t total,
                                        const char *argument) {
    const std::int64_t *data = vector_data(offsets, n + 1, argument);
    bool ascending = data[0] == 0 && data[n] == total;
    for (std::int64_t i = 0; i < n; ++i) {
        ascending = ascending && data[i] <= data[i + 1];
    }
    require(ascending, argument, "offsets that ascend from 0 to the number of entries");
    return data;
}

// Where a result goes: the address of its memory, 0 for one that was not asked for. Addresses, because a NumPy view of
// each result took 1 microsecond of the 40 of a small call. pyscore.ops.request allocates what they point to.
template <class T> T *result_at(std::uintptr_t address) { return reinterpret_cast<T *>(address); }

// A kernel is at work: other Python threads may run, and arithmetic is the same for every caller.
class Computing {
    const pybind11::gil_scoped_release unlocked_;
    const DefaultFloatEnvironment environment_;
};

} // namespace pyscore
