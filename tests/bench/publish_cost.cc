#include "tests/bench/publish_cost.h"

#include <unistd.h>

#include <atomic>
#include <stdexcept>
#include <string_view>

#include "store/hot_cache_reader.h"
#include "cli/bench/bench_place.h"
#include "tests/bench/hot_channels.h"
#include "cli/bench/side_by_side.h"

namespace spoolmq::bench {
namespace {

constexpr std::size_t kSmallBytes = 64;
constexpr int kPerLook = 1000;  // at the end of the time

void mark(std::string_view text) {
  must(::write(STDOUT_FILENO, text.data(), text.size()) == static_cast<ssize_t>(text.size()),
       "write");
}

}  // namespace

double publish_ns(const std::string& directory, Reader reader, double seconds) {
  HotSender sender(directory, kSmallBytes);
  sender.prepare(0);
  const int processes = reader == Reader::kNone ? 1 : 2;
  const double per_second = per_second_of(processes, seconds, [&](int number, const Stretch& all) {
    double published = 0;
    HotCacheReader spinning(sender.ring());
    all.start();
    while (!all.over()) {
      for (int i = 0; i < kPerLook; ++i) {
        if (number == 0) {
          sender.send();
          ++published;
        } else {
          static_cast<void>(spinning.read(HotCacheReader::Look::kQuick));
        }
      }
    }
    return published;
  });
  return 1e9 / per_second;
}

void publish_between_marks(const std::string& directory, int count, Sleeper sleeper) {
  HotSender sender(directory, kSmallBytes);
  HotCacheReader reader(sender.ring());
  const auto publish = [&] {
    if (sleeper == Sleeper::kAsleep) std::atomic_ref(sender.ring()->sleepers()).store(1);
    sender.send();
    if (reader.read(HotCacheReader::Look::kThorough) != HotCacheReader::Got::kMessage) {
      throw std::runtime_error("a message that was published is not there");
    }
  };
  sender.prepare(0);
  publish();  // the reader has its memory
  mark("begin\n");
  for (int i = 0; i < count; ++i) publish();
  mark("end\n");
}

}  // namespace spoolmq::bench
