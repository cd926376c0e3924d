// parallel_for over fixed chunks: what a chunk holds depends on the problem alone, so results never depend on the
// number of threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cfenv>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>

namespace pyscore {

// Threads that sleep between calls and never spin, so that they leave the cores to whoever computes. They start when a
// call first needs them; after a fork the child has a fresh pool.
class ThreadPool {
  public:
    static ThreadPool &instance();

    // Calls work(0) here and work(1) .. work(helpers) on as many threads as wake before work(0) returns. While another
    // thread's call has the pool, work(0) does it all: two callers at once would only take each other's cores.
    void run(int helpers, const std::function<void(int)> &work);

  private:
    void help();
    void start(int threads);

    std::mutex busy_;
    std::mutex lock_;
    std::condition_variable wake_, done_;
    const std::function<void(int)> *work_ = nullptr;
    int threads_ = 0;  // started
    int tickets_ = 0;  // helpers wanted that have not woken yet
    int running_ = 0;  // helpers at work
};

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

// Calls body(begin, end, worker) for consecutive chunks of [0, n), each of `grain` items but the last, on up to
// `threads` threads, the caller's among them; worker < threads tells them apart. Waking a thread costs about 10
// microseconds, and callers choose the grain so that a chunk is worth more than that. The first exception is rethrown
// here once every thread has stopped.
template <class Body> void parallel_for(std::int64_t n, std::int64_t grain, int threads, const Body &body) {
    if (n <= 0) {
        return;
    }
    grain = std::max<std::int64_t>(grain, 1);
    const std::int64_t chunks = (n - 1) / grain + 1;
    std::atomic<std::int64_t> next{0};
    std::exception_ptr failure;
    std::mutex failure_lock;
    const auto work = [&](int worker) {
        const DefaultFloatEnvironment environment;
        for (std::int64_t chunk = next++; chunk < chunks; chunk = next++) {
            try {
                body(chunk * grain, std::min(n, (chunk + 1) * grain), worker);
            } catch (...) {
                const std::lock_guard<std::mutex> lock(failure_lock);
                failure = failure ? failure : std::current_exception();
                next = chunks;
            }
        }
    };
    const auto helpers = static_cast<int>(std::min<std::int64_t>(threads, chunks) - 1);
    if (helpers > 0) {
        ThreadPool::instance().run(helpers, work);
    } else {
        work(0);
    }
    if (failure) {
        std::rethrow_exception(failure);
    }
}

} // namespace pyscore
