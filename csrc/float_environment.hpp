// The environment in which kernels compute, whoever calls them.
#pragma once

#include <cfenv>

namespace pyscore {

// A caller's thread may flush denormals (torch.set_flush_denormal) or round otherwise; other threads don't. Whatever a
// result depends on is computed in the default environment, on the caller's thread too: the bindings take it for the
// whole of a kernel, with what comes before and after its threads' work, and parallel_for for each thread.
class DefaultFloatEnvironment {
  public:
    DefaultFloatEnvironment() {
        std::fegetenv(&saved_);
        std::fesetenv(FE_DFL_ENV);
    }
    ~DefaultFloatEnvironment() { std::fesetenv(&saved_); }
    DefaultFloatEnvironment(const DefaultFloatEnvironment &) = delete;
    DefaultFloatEnvironment &operator=(const DefaultFloatEnvironment &) = delete;

  private:
    std::fenv_t saved_{};
};

} // namespace pyscore
