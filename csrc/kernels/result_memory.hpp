// The memory that Python allocated for a result.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace pyscore {

// The address of a result's contiguous memory, and its size in bytes. A NumPy view of each result instead took
// 1 microsecond of the 40 of a small call.
using ResultMemory = std::pair<std::uintptr_t, std::int64_t>;

// NOLINTNEXTLINE(performance-no-int-to-ptr): an address from Python is a number
template <class T> T *at_address(std::uintptr_t address) { return reinterpret_cast<T *>(address); }

// That memory, after checking that it holds `entries` of T and no more; null where there are none.
template <class T> T *result_in(const ResultMemory &memory, std::int64_t entries, const char *field) {
    const auto [address, bytes] = memory;
    if (bytes != entries * static_cast<std::int64_t>(sizeof(T)) || (address == 0 && bytes != 0)) {
        throw std::invalid_argument(std::string("out.") + field + " must have " + std::to_string(entries) +
                                    " entries of " + std::to_string(sizeof(T)) + " bytes, as the request asks for");
    }
    return entries == 0 ? nullptr : at_address<T>(address);
}

} // namespace pyscore
