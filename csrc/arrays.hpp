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

// The offsets [n + 1] themselves, after checking that they start at 0, never fall and end at `total`.
inline const std::int64_t *checked_offsets(const std::int64_t *data, std::int64_t n, std::int64_t total,
                                           const char *argument) {
    bool ascending = data[0] == 0 && data[n] == total;
    for (std::int64_t i = 0; i < n; ++i) {
        ascending = ascending && data[i] <= data[i + 1];
    }
    require(ascending, argument, "offsets that ascend from 0 to the number of entries");
    return data;
}

// Where a result goes: the address of its memory, 0 for one that was not asked for. Addresses, because a NumPy view of
// each result took 1 microsecond of the 40 of a small call. No size comes with them: pyscore/ops/library.py allocates
// every result by TokenTensors.empty or ComparisonTensors.empty from the shapes of what it passes on.
// NOLINTNEXTLINE(performance-no-int-to-ptr): an address from Python is a number
template <class T> T *result_at(std::uintptr_t address) { return reinterpret_cast<T *>(address); }

// What Python passes of a contiguous tensor of T: the tensor, its address, and its number of entries, -1 where it is no
// vector. A NumPy view instead took 0.7 microseconds of a small call, of which score_answers needs four.
using PassedTensor = std::optional<pybind11::tuple>;

// The vector in that tensor, or none; keeps the tensor alive.
template <class T> class TensorVector {
    pybind11::object tensor_;
    const T *data_ = nullptr;
    std::int64_t size_ = 0;

  public:
    explicit TensorVector(const PassedTensor &given) {
        if (given) {
            tensor_ = (*given)[0];
            data_ = result_at<const T>((*given)[1].cast<std::uintptr_t>());
            size_ = (*given)[2].cast<std::int64_t>();
        }
    }

    explicit operator bool() const { return static_cast<bool>(tensor_); }
    [[nodiscard]] std::int64_t size() const { return size_; }

    // Its memory, after checking that it has `size` entries; null where there is no tensor.
    [[nodiscard]] const T *data(std::int64_t size, const char *argument) const {
        require(!tensor_ || (size_ >= 0 && size_ == size), argument, "a vector of the expected length");
        return data_;
    }
};

// A kernel is at work: other Python threads may run, and arithmetic is the same for every caller.
class Computing {
    const pybind11::gil_scoped_release unlocked_;
    const DefaultFloatEnvironment environment_;
};

} // namespace pyscore
