// Watches a queue with a processor of its own, for readers to whom microseconds matter: counts
// messages and bytes, and says how long each was on its way, until COUNT messages have come:
//
//   watch_spinning ROOT QUEUE COUNT
//
// poll() reads shared memory: no system call, no lock, no index. The time is from the moment the
// sender stamped its message (a header "sent-ns", CLOCK_REALTIME) to the verified copy here, so it
// has the sender's own sync in it.

#include <spoolmq/tail.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

namespace {

long long now_ns() {
  struct timespec now {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

void watch(const char* root_path, const char* queue_name, std::size_t count) {
  spoolmq::Root root = spoolmq::Root::open(root_path);
  spoolmq::OpenOptions options;
  options.observer = true;
  spoolmq::Queue queue = root.open_queue(queue_name, options);
  spoolmq::Tail tail = queue.tail();
  std::printf("watching\n");
  std::fflush(stdout);
  std::size_t bytes = 0;
  std::vector<long long> on_the_way_ns;
  for (std::size_t seen = 0; seen < count;) {
    const spoolmq::TailMessage* const message = tail.poll();
    if (message == nullptr) continue;
    ++seen;
    bytes += message->body().size();
    const long long now = now_ns();
    if (const std::string* sent = message->message().header("sent-ns")) {
      on_the_way_ns.push_back(now - std::atoll(sent->c_str()));
    }
  }
  const spoolmq::TailCounts counts = tail.counts();
  std::printf("%zu messages, %zu bytes, %llu of them from shared memory\n", count, bytes,
              static_cast<unsigned long long>(counts.from_hot_cache));
  if (on_the_way_ns.empty()) return;
  std::sort(on_the_way_ns.begin(), on_the_way_ns.end());
  std::printf("on the way: median %lld ns\n", on_the_way_ns[on_the_way_ns.size() / 2]);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: watch_spinning ROOT QUEUE COUNT\n");
    return 64;
  }
  try {
    watch(argv[1], argv[2], std::strtoull(argv[3], nullptr, 10));
    return EXIT_SUCCESS;
  } catch (const spoolmq::Error& error) {
    std::fprintf(stderr, "watch_spinning: %s\n", error.what());
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "watch_spinning: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
