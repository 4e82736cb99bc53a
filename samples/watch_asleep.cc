// Watches a queue and sleeps in between: prints each message that is sent to it, without taking it
// from anyone, until nothing has come for a second:
//
//   watch_asleep ROOT QUEUE
//
// Costs nothing while nothing is sent. A message comes out of shared memory as soon as it is
// durable, some 20 µs after that; one that has been overwritten there comes from disk.

#include <spoolmq/tail.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>

namespace {

void watch(const char* root_path, const char* queue_name) {
  spoolmq::Root root = spoolmq::Root::open(root_path);
  spoolmq::OpenOptions options;
  options.observer = true;  // looks only, and keeps nobody from removing the queue
  spoolmq::Queue queue = root.open_queue(queue_name, options);
  spoolmq::Tail tail = queue.tail();
  std::printf("watching\n");
  std::fflush(stdout);
  while (const spoolmq::TailMessage* message = tail.wait(std::chrono::seconds(1))) {
    std::printf("%s %zu bytes%s\n", message->id().text().c_str(), message->body().size(),
                message->is_delayed() ? ", not yet to be received" : "");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: watch_asleep ROOT QUEUE\n");
    return 64;
  }
  try {
    watch(argv[1], argv[2]);
    return EXIT_SUCCESS;
  } catch (const spoolmq::Error& error) {
    std::fprintf(stderr, "watch_asleep: %s\n", error.what());
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "watch_asleep: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
