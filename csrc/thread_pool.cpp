#include "thread_pool.hpp"

#include <condition_variable>
#include <system_error>
#include <thread>

#include <dlfcn.h>
#include <pthread.h>

namespace pyscore {
namespace {

using Work = std::function<void(int)>;

// libgomp's entry to a parallel region, which Intel's and LLVM's runtimes have too.
using ParallelRegion = void (*)(void (*)(void *), void *, unsigned threads, unsigned flags);

// Threads that sleep between calls and start when a call first needs them.
class OwnThreads {
  public:
    void run(int threads, const Work &work) {
        const std::unique_lock<std::mutex> mine(busy_, std::try_to_lock);
        if (!mine.owns_lock()) { // another caller has the threads: two at once would only take each other's cores
            work(0);
            return;
        }
        {
            const std::lock_guard<std::mutex> guard(lock_);
            start(threads - 1);
            work_ = &work;
            tickets_ = std::min(threads - 1, started_);
        }
        wake_.notify_all();
        work(0);
        std::unique_lock<std::mutex> guard(lock_);
        tickets_ = 0; // a helper that has not woken by now would find nothing left to do
        done_.wait(guard, [this] { return running_ == 0; });
    }

  private:
    void start(int wanted) {
        try {
            for (; started_ < wanted; ++started_) {
                std::thread([this] { help(); }).detach();
            }
        } catch (const std::system_error &) {
            // The system is out of threads: those that started, and the caller's, do all the work.
        }
    }

    [[noreturn]] void help() {
        std::unique_lock<std::mutex> guard(lock_);
        for (;;) {
            wake_.wait(guard, [this] { return tickets_ > 0; });
            const int worker = tickets_--;
            ++running_;
            guard.unlock();
            (*work_)(worker);
            guard.lock();
            if (--running_ == 0) {
                done_.notify_one();
            }
        }
    }

    std::mutex busy_, lock_;
    std::condition_variable wake_, done_;
    const Work *work_ = nullptr;
    int started_ = 0, tickets_ = 0, running_ = 0; // tickets: helpers that are wanted and have not woken yet
};

std::atomic<OwnThreads *> own_threads{nullptr};
std::atomic<bool> forked{false};

// Never deleted: its threads sleep in it until the process ends, and a child of fork() can't end its parent's.
OwnThreads &threads_of_this_process() {
    OwnThreads *found = own_threads;
    if (found == nullptr) {
        auto *const fresh = new OwnThreads;
        if (own_threads.compare_exchange_strong(found, fresh)) {
            return *fresh;
        }
        delete fresh; // another caller was first
    }
    return *found;
}

void in_child() {
    forked = true;
    own_threads = nullptr;
}

// When the extension is loaded and not at the first call: torch's ops may start the runtime's threads before that.
const int registered = pthread_atfork(nullptr, nullptr, in_child);

ParallelRegion find_region() {
    // RTLD_DEFAULT holds the symbols of the runtime that torch has loaded.
    return reinterpret_cast<ParallelRegion>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
}

struct Region {
    explicit Region(const Work &of) : work(&of) {}
    const Work *work;
    std::atomic<int> workers{0};
};

void enter(void *data) {
    auto *const region = static_cast<Region *>(data);
    (*region->work)(region->workers++);
}

} // namespace

void run_on_threads(int threads, int useful, const Work &work) {
    static const ParallelRegion parallel_region = find_region();
    if (parallel_region != nullptr && !forked) {
        Region region(work);
        parallel_region(enter, &region, static_cast<unsigned>(threads), 0);
    } else {
        threads_of_this_process().run(useful, work);
    }
}

} // namespace pyscore
