// pyscore._C: the table of contents.
#include "register.hpp"

PYBIND11_MODULE(_C, m) {
    m.doc() = "Compiled kernels of pyscore. Arguments are checked by pyscore.ops; call that.";
    m.attr("__version__") = PYSCORE_VERSION;
    m.attr("source_hash") = PYSCORE_SOURCE_HASH; // of csrc/ when this was built; pyscore._extension compares
    pyscore::register_variants(m);
    pyscore::register_tokens(m);
    pyscore::register_answers(m);
    pyscore::register_clusters(m);
    pyscore::register_metrics(m);
    pyscore::register_text(m);
}
