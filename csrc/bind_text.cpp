// match_ngrams, count_distinct_ngrams.
#include <limits>

#include "arrays.hpp"
#include "kernels/text.hpp"
#include "register.hpp"

namespace py = pybind11;

namespace pyscore {
namespace {

TextsProblem read_texts(const Vector<std::int32_t> &tokens, const Vector<std::int64_t> &offsets,
                        std::int64_t vocabulary, int max_order) {
    constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
    require(tokens.ndim() == 1 && tokens.shape(0) <= kMost, "tokens", "a vector of less than 2^32 entries");
    require(offsets.ndim() == 1 && offsets.shape(0) > 0 && offsets.shape(0) <= kMost, "offsets",
            "a vector of less than 2^32 entries");
    require(max_order >= 1 && max_order <= kMaxOrder, "max_order", "from 1 to 32");
    require(vocabulary >= 0 && vocabulary <= std::numeric_limits<std::int32_t>::max(), "vocabulary", "below 2^31");
    TextsProblem problem;
    problem.tokens = tokens.data();
    problem.texts = offsets.shape(0) - 1;
    problem.offsets =
        checked_offsets(vector_data(offsets, problem.texts + 1, "offsets"), problem.texts, tokens.shape(0), "offsets");
    problem.vocabulary = vocabulary;
    problem.max_order = max_order;
    bool known = true;
    for (std::int64_t i = 0; i < tokens.shape(0); ++i) {
        known = known && problem.tokens[i] >= 0 && problem.tokens[i] < vocabulary;
    }
    require(known, "tokens", "ids in [0, vocabulary)");
    return problem;
}

py::array_t<std::int64_t> bind_match_ngrams(const Vector<std::int32_t> &tokens, const Vector<std::int64_t> &offsets,
                                            std::int64_t vocabulary, int max_order, int threads) {
    const TextsProblem problem = read_texts(tokens, offsets, vocabulary, max_order);
    py::array_t<std::int64_t> matches({problem.texts, static_cast<std::int64_t>(max_order)});
    std::int64_t *const data = matches.mutable_data();
    {
        const Computing computing;
        match_ngrams(problem, data, threads);
    }
    return matches;
}

py::array_t<std::int64_t> bind_count_distinct_ngrams(const Vector<std::int32_t> &tokens,
                                                     const Vector<std::int64_t> &offsets, std::int64_t vocabulary,
                                                     int max_order, int threads) {
    const TextsProblem problem = read_texts(tokens, offsets, vocabulary, max_order);
    py::array_t<std::int64_t> distinct(max_order);
    std::int64_t *const data = distinct.mutable_data();
    {
        const Computing computing;
        count_distinct_ngrams(problem, data, threads);
    }
    return distinct;
}

} // namespace

void register_text(py::module_ &m) {
    m.def("match_ngrams", &bind_match_ngrams, py::arg("tokens").noconvert(), py::arg("offsets").noconvert(),
          py::arg("vocabulary"), py::arg("max_order"), py::arg("threads"),
          "How many n-grams of each text the other texts match, [texts, max_order].");
    m.def("count_distinct_ngrams", &bind_count_distinct_ngrams, py::arg("tokens").noconvert(),
          py::arg("offsets").noconvert(), py::arg("vocabulary"), py::arg("max_order"), py::arg("threads"),
          "How many different n-grams all texts hold together, [max_order].");
}

} // namespace pyscore
