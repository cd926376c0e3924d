// encode_clusters, cluster_totals and cluster_spread.
#include <algorithm>

#include <pybind11/stl.h>

#include "arrays.hpp"
#include "kernels/clusters.hpp"
#include "register.hpp"
#include "scores.hpp"

namespace py = pybind11;

namespace pyscore {
namespace {

py::tuple bind_encode_clusters(const Vector<std::int64_t> &keys) {
    require(keys.ndim() == 1, "keys", "a vector");
    py::array_t<std::int64_t> codes(keys.shape(0));
    std::vector<std::int64_t> distinct;
    {
        const Computing computing;
        distinct = encode_clusters(keys.data(), keys.shape(0), codes.mutable_data());
    }
    return py::make_tuple(codes, py::array_t<std::int64_t>(static_cast<py::ssize_t>(distinct.size()), distinct.data()));
}

template <class Float>
py::tuple bind_cluster_totals(const Vector<Float> &probability, const Vector<Float> &prefers,
                              const Vector<Float> &probability_raw, const Vector<Float> &log_odds,
                              const Vector<Float> &coverage, const Vector<bool> &tie, const Vector<std::int64_t> &keys,
                              std::int64_t low, std::int64_t clusters, int threads) {
    require(clusters >= 0, "clusters", "at least 0");
    const auto problem = scores_problem(probability, prefers, probability_raw, log_odds, coverage, tie);
    const std::int64_t n = problem.n, *first = vector_data(keys, n, "keys");
    if (n > 0) {
        const auto [least, most] = std::minmax_element(first, first + n);
        require(*least >= low && *most - low < clusters, "keys", "within [low, low + clusters)");
    }
    const auto rows = static_cast<py::ssize_t>(clusters);
    py::array_t<double> scores({rows, static_cast<py::ssize_t>(kClusterScores)});
    py::array_t<double> bins({rows, static_cast<py::ssize_t>(kClusterBins)});
    {
        const Computing computing;
        std::fill_n(scores.mutable_data(), scores.size(), 0.0);
        std::fill_n(bins.mutable_data(), bins.size(), 0.0);
        cluster_totals(problem, first, low, scores.mutable_data(), bins.mutable_data(), threads);
    }
    return py::make_tuple(scores, bins);
}

py::tuple bind_cluster_spread(const Vector<double> &scores, const Vector<double> &means, std::int64_t n) {
    require(scores.ndim() == 2 && scores.shape(1) == kClusterScores, "scores", "a matrix of cluster_totals");
    const double *of_scores = vector_data(means, kScores, "means");
    const ClusterSpread found = cluster_spread(scores.data(), scores.shape(0), of_scores, n);
    return py::make_tuple(found.clusters, found.size_squares, py::array_t<double>(kScores, found.squares.data()),
                          py::array_t<double>(kScores, found.between.data()));
}

template <class Float> void define_cluster_totals(py::module_ &m) {
    m.def("cluster_totals", &bind_cluster_totals<Float>, py::arg("probability").noconvert(),
          py::arg("prefers").noconvert(), py::arg("probability_raw").noconvert(), py::arg("log_odds").noconvert(),
          py::arg("coverage").noconvert(), py::arg("tie").noconvert(), py::arg("keys").noconvert(), py::arg("low"),
          py::arg("clusters"), py::arg("threads"),
          "Of each cluster its questions and sums of scores, [clusters, 8], and of calibration bins, [clusters, 16].");
}

} // namespace

void register_clusters(py::module_ &m) {
    m.def("encode_clusters", &bind_encode_clusters, py::arg("keys").noconvert(),
          "Codes of integer keys in order of first appearance, and the key of each; none where keys lie far apart.");
    define_cluster_totals<float>(m);
    define_cluster_totals<double>(m);
    m.def("cluster_spread", &bind_cluster_spread, py::arg("scores").noconvert(), py::arg("means").noconvert(),
          py::arg("n"),
          "How many clusters have questions, Σ of their squared sizes, Σ of what leaving out each does to the means, "
          "squared, and Σ of size times the squared deviation of the clusters' means.");
}

} // namespace pyscore
