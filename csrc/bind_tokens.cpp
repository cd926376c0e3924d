// logprobs, target_logits, linear_logprobs.
#include <array>

#include <pybind11/stl.h>

#include "arrays.hpp"
#include "kernels/linear_logprobs.hpp"
#include "kernels/logprobs.hpp"
#include "register.hpp"

namespace py = pybind11;

namespace pyscore {
namespace {

using Ids = TensorVector<std::int64_t>;
using Floats = TensorVector<float>;

// Strides in elements of a matrix of float32 or of 16-bit floats' bits.
struct MatrixView {
    const void *data;
    std::int64_t rows, columns, row_stride, column_stride;

    MatrixView(const py::array &array, DType dtype, const char *argument) : data(array.data()) {
        const std::int64_t itemsize = info(dtype).itemsize;
        require(array.ndim() == 2, argument, "a matrix");
        require(array.itemsize() == itemsize, argument, "of the item size of its dtype");
        require(array.strides(0) % itemsize == 0 && array.strides(1) % itemsize == 0, argument, "aligned");
        // ids within a row are kept in 32 bits
        require(array.shape(1) <= std::numeric_limits<std::int32_t>::max(), argument, "less than 2^31 wide");
        rows = array.shape(0);
        columns = array.shape(1);
        row_stride = array.strides(0) / itemsize;
        column_stride = array.strides(1) / itemsize;
    }
};

// What all three functions are asked, of pyscore.ops.request.TokenRequest; holds the tensors while a kernel reads them.
struct TokenRequest {
    Ids targets, target_offsets;
    Floats temperature;
    std::optional<float> softcap;
    float logit_scale;
    std::int64_t ignore_index, vocab_start, top_k;

    // Without offsets every row has as many targets; `even` then holds their offsets, and has to outlive the result.
    Targets read_targets(std::int64_t rows, std::int64_t columns, std::vector<std::int64_t> &even) const {
        const std::int64_t n = targets.size();
        if (!target_offsets) {
            const std::int64_t each = rows == 0 ? 0 : n / rows;
            require(n == each * rows, "targets", "as many for every row where there are no target_offsets");
            even.resize(static_cast<std::size_t>(rows + 1));
            for (std::int64_t row = 0; row <= rows; ++row) {
                even[static_cast<std::size_t>(row)] = row * each;
            }
        }
        const std::int64_t *offsets = even.data();
        if (target_offsets) {
            offsets = checked_offsets(target_offsets.data(rows + 1, "target_offsets"), rows, n, "target_offsets");
        }
        return {targets.data(n, "targets"), offsets, ignore_index, vocab_start, columns};
    }

    [[nodiscard]] LogitTransform transform(std::int64_t rows) const {
        return {softcap.value_or(0.0F), temperature.data(rows, "temperature")};
    }
};

LinearProblem read_linear(const py::array &hidden, const py::array &weight, const Floats &bias,
                          const std::string &dtype_tag, const TokenRequest &request, std::vector<std::int64_t> &even) {
    const DType dtype = parse_dtype(dtype_tag);
    const MatrixView h(hidden, dtype, "hidden"), w(weight, dtype, "weight");
    require(h.columns == w.columns, "hidden", "as wide as weight");
    require(h.rows == 0 || h.columns <= 1 || h.column_stride == 1, "hidden", "contiguous along its rows");
    require(w.rows == 0 || w.columns <= 1 || w.column_stride == 1, "weight", "contiguous along its rows");
    require(w.rows <= std::numeric_limits<std::int32_t>::max(), "weight", "less than 2^31 rows");
    LinearProblem problem;
    problem.hidden = h.data;
    problem.weight = w.data;
    problem.bias = bias.data(w.rows, "bias");
    problem.dtype = dtype;
    problem.rows = h.rows;
    problem.columns = w.rows;
    problem.depth = h.columns;
    problem.hidden_stride = h.row_stride;
    problem.weight_stride = w.row_stride;
    problem.logit_scale = request.logit_scale;
    problem.transform = request.transform(h.rows);
    problem.targets = request.read_targets(h.rows, w.rows, even);
    return problem;
}

// Addresses of the fields of TokenTensors, in their order.
using TokenAddresses = std::array<std::uintptr_t, 8>;

TokenResults read_results(const TokenAddresses &out, const TokenRequest &request, const Targets &targets) {
    const auto [logprob, logsumexp, max_logit, argmax, entropy, rank, top_ids, top_logprobs] = out;
    require(request.top_k >= 0 && request.top_k <= targets.columns, "top_k", "from 0 to the size of the vocabulary");
    return {result_at<float>(logprob),
            result_at<float>(logsumexp),
            result_at<float>(max_logit),
            result_at<std::int64_t>(argmax),
            result_at<float>(entropy),
            result_at<std::int64_t>(rank),
            request.top_k,
            result_at<std::int64_t>(top_ids),
            result_at<float>(top_logprobs)};
}

const Variant &variant_for(int threads) {
    require(threads >= 1, "threads", "at least 1");
    return chosen_variant();
}

void bind_logprobs(const py::array &logits, const std::string &dtype, const TokenRequest &request,
                   const TokenAddresses &out, int threads) {
    const Variant &variant = variant_for(threads);
    std::vector<std::int64_t> even;
    LogitsProblem problem;
    problem.dtype = parse_dtype(dtype);
    const MatrixView view(logits, problem.dtype, "logits");
    problem.data = view.data;
    problem.rows = view.rows;
    problem.columns = view.columns;
    problem.row_stride = view.row_stride;
    problem.column_stride = view.column_stride;
    problem.transform = request.transform(view.rows);
    problem.targets = request.read_targets(view.rows, view.columns, even);
    const TokenResults results = read_results(out, request, problem.targets);
    const Computing computing;
    logprobs(variant, problem, results, threads);
}

void bind_target_logits(const py::array &hidden, const py::array &weight, const PassedTensor &bias,
                        const std::string &dtype, const TokenRequest &request, std::uintptr_t out, int threads) {
    const Variant &variant = variant_for(threads);
    const Floats added(bias);
    std::vector<std::int64_t> even;
    const LinearProblem problem = read_linear(hidden, weight, added, dtype, request, even);
    const Computing computing;
    target_logits(variant, problem, result_at<float>(out), threads);
}

void bind_linear_logprobs(const py::array &hidden, const py::array &weight, const PassedTensor &bias,
                          const std::string &dtype, const TokenRequest &request, const PassedTensor &target_logit,
                          const TokenAddresses &out, int threads) {
    const Variant &variant = variant_for(threads);
    const Floats added(bias);
    std::vector<std::int64_t> even;
    const LinearProblem problem = read_linear(hidden, weight, added, dtype, request, even);
    const std::int64_t n_targets = request.targets.size();
    const Floats known(target_logit);
    const float *given = known.data(n_targets, "target_logit");
    std::vector<float> found(target_logit ? 0 : static_cast<std::size_t>(n_targets));
    const TokenResults results = read_results(out, request, problem.targets);
    const Computing computing;
    if (!target_logit) {
        target_logits(variant, problem, found.data(), threads);
        given = found.data();
    }
    linear_logprobs(variant, problem, given, results, threads);
}

} // namespace

void register_tokens(py::module_ &m) {
    py::class_<TokenRequest>(m, "TokenRequest", plain_class(),
                             "What the token functions are asked; see pyscore.ops.request.")
        .def(py::init([](const PassedTensor &targets, const PassedTensor &target_offsets,
                         const PassedTensor &temperature, std::optional<float> softcap, float logit_scale,
                         std::int64_t ignore_index, std::int64_t vocab_start, std::int64_t top_k) {
                 return TokenRequest{Ids(targets), Ids(target_offsets), Floats(temperature), softcap,
                                     logit_scale,  ignore_index,        vocab_start,         top_k};
             }),
             py::arg("targets"), py::arg("target_offsets"), py::arg("temperature"), py::arg("softcap"),
             py::arg("logit_scale"), py::arg("ignore_index"), py::arg("vocab_start"), py::arg("top_k"));
    m.def("logprobs", &bind_logprobs, py::arg("logits"), py::arg("dtype"), py::arg("request"), py::arg("out"),
          py::arg("threads"), "Fills the fields of TokenTensors under ready logits.");
    m.def("target_logits", &bind_target_logits, py::arg("hidden"), py::arg("weight"), py::arg("bias"), py::arg("dtype"),
          py::arg("request"), py::arg("out"), py::arg("threads"), "Fills the final logits of the targets alone.");
    m.def("linear_logprobs", &bind_linear_logprobs, py::arg("hidden"), py::arg("weight"), py::arg("bias"),
          py::arg("dtype"), py::arg("request"), py::arg("target_logit"), py::arg("out"), py::arg("threads"),
          "Fills the fields of TokenTensors under hidden @ weight.T.");
}

} // namespace pyscore
