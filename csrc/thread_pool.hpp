// parallel_for over fixed chunks: what a chunk holds depends on the problem alone, so results never depend on the
// number of threads. Threads live for one call, which keeps fork() safe; starting one costs about 15 microseconds,
// and callers choose the grain so that a chunk is worth more than that.
#pragma once

#include <algorithm>
#include <atomic>
#include <cfenv>
#include <cstdint>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace pyscore {

// The caller's thread may flush denormals (torch.set_flush_denormal); a fresh one doesn't. Every chunk runs in the
// default environment, so that a row's bits don't depend on which thread took it.
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

// Calls body(begin, end) for consecutive chunks of [0, n), each of `grain` items but the last, on up to `threads`
// threads, the caller's among them. The first exception is rethrown here once every thread has stopped.
template <class Body> void parallel_for(std::int64_t n, std::int64_t grain, int threads, const Body &body) {
    if (n <= 0) {
        return;
    }
    grain = std::max<std::int64_t>(grain, 1);
    const std::int64_t chunks = (n - 1) / grain + 1;
    std::atomic<std::int64_t> next{0};
    std::exception_ptr failure;
    std::mutex failure_lock;
    const auto work = [&] {
        const DefaultFloatEnvironment environment;
        for (std::int64_t chunk = next++; chunk < chunks; chunk = next++) {
            try {
                body(chunk * grain, std::min(n, (chunk + 1) * grain));
            } catch (...) {
                const std::lock_guard<std::mutex> lock(failure_lock);
                failure = failure ? failure : std::current_exception();
                next = chunks;
            }
        }
    };
    std::vector<std::thread> helpers;
    const std::int64_t wanted = std::min<std::int64_t>(threads, chunks) - 1;
    try {
        for (std::int64_t i = 0; i < wanted; ++i) {
            helpers.emplace_back(work);
        }
    } catch (const std::system_error &) {
        // The system is out of threads: those that started, and this one, do all chunks.
    }
    work();
    for (std::thread &helper : helpers) {
        helper.join();
    }
    if (failure) {
        std::rethrow_exception(failure);
    }
}

} // namespace pyscore
