// Which instruction sets the kernels can use here.
#include <pybind11/stl.h>

#include "kernels/variants.hpp"
#include "register.hpp"

namespace py = pybind11;

namespace pyscore {

void register_variants(py::module_ &m) {
    m.def(
        "cpu_isas",
        [] {
            std::vector<std::pair<std::string, bool>> isas;
            for (const Variant &variant : variants()) {
                isas.emplace_back(variant.name, variant.available);
            }
            return isas;
        },
        "Instruction sets that the kernels were compiled for, best first, and whether this machine has each.");
    m.def(
        "cpu_isa", [] { return chosen_variant().name; },
        "The instruction set that kernels use: the best that this machine has, or PYSCORE_CPU_ISA.");
}

} // namespace pyscore
