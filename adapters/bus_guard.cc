#include "adapters/bus_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>

#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

// The handler reads them at any moment: `end` is set last and cleared first (release, acquire).
struct Range {
  std::atomic<bool> is_taken{false};
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};
  std::atomic<bool> is_broken{false};
};

std::array<Range, BusGuard::kMostGuards> ranges;
std::uintptr_t page_bytes = 4096;
struct sigaction former {};

Range* range_of(std::uintptr_t address) {
  for (Range& range : ranges) {
    const std::uintptr_t end = range.end.load(std::memory_order_acquire);
    if (address < end && address >= range.begin.load(std::memory_order_relaxed)) return &range;
  }
  return nullptr;
}

// The kernel exchanges the page as a whole, while other threads may be reading it: the system call
// itself, for mmap(3) is not among what a handler may call (signal-safety(7)), and ThreadSanitizer
// takes it for a write of ours to all of the page.
bool replace_page(std::uintptr_t page) {
  static_assert(sizeof(void*) == 8, "SYS_mmap takes other arguments elsewhere");
  return ::syscall(SYS_mmap, page, page_bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != -1;
}

void on_bus_error(int /*signal*/, siginfo_t* info, void* /*context*/) {
  const int error = errno;
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  Range* const range = range_of(address);
  const std::uintptr_t page = address & ~(page_bytes - 1);
  if (range == nullptr || !replace_page(page)) {
    ::sigaction(SIGBUS, &former, nullptr);  // the same access raises it again
  } else {
    range->is_broken.store(true, std::memory_order_relaxed);
  }
  errno = error;
}

void install_handler() {
  static const bool installed = [] {
    page_bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    return ::sigaction(SIGBUS, &action, &former) == 0;
  }();
  if (!installed) throw Error::from_errno(errno, "install", "a handler of SIGBUS");
}

}  // namespace

BusGuard::BusGuard(std::span<std::byte> pages) : place_(0) {
  install_handler();
  while (place_ < kMostGuards && ranges[place_].is_taken.exchange(true)) ++place_;
  if (place_ == kMostGuards) {
    throw Error(ErrorCode::kOsResource, "map", "shared memory",
                "more than " + std::to_string(kMostGuards) + " segments in one process");
  }
  const auto begin = reinterpret_cast<std::uintptr_t>(pages.data());
  Range& range = ranges[place_];
  range.is_broken.store(false, std::memory_order_relaxed);
  range.begin.store(begin, std::memory_order_relaxed);
  range.end.store(begin + pages.size(), std::memory_order_release);
}

BusGuard::~BusGuard() {
  Range& range = ranges[place_];
  range.end.store(0, std::memory_order_release);
  range.is_taken.store(false, std::memory_order_release);
}

bool BusGuard::is_broken() const {
  return ranges[place_].is_broken.load(std::memory_order_relaxed);
}

}  // namespace spoolmq::adapters
