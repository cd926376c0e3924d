// Log-probabilities of targets under hidden @ weight.T, without the logits ever being stored.
#pragma once

#include "problem.hpp"
#include "variants.hpp"

namespace pyscore {

// Final logits of the targets, [M]: NaN where ignored, -inf where outside of the weight's rows. The bits are those
// that linear_logprobs sees.
void target_logits(const Variant &variant, const LinearProblem &problem, float *target_logit, int threads);

void linear_logprobs(const Variant &variant, const LinearProblem &problem, const float *target_logit,
                     const TokenResults &results, int threads);

} // namespace pyscore
