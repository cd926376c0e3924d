// What module.cpp calls: each bind_*.cpp adds its functions to the module.
#pragma once

#include <pybind11/pybind11.h>

namespace pyscore {

// A bound class of Python's own metaclass: pybind11's is there for static properties alone.
inline pybind11::metaclass plain_class() { return pybind11::metaclass(reinterpret_cast<PyObject *>(&PyType_Type)); }

void register_variants(pybind11::module_ &m);
void register_tokens(pybind11::module_ &m);
void register_answers(pybind11::module_ &m);
void register_clusters(pybind11::module_ &m);
void register_metrics(pybind11::module_ &m);
void register_text(pybind11::module_ &m);

} // namespace pyscore
