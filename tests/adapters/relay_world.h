#pragma once
// A relay on the twin: from the world's queue q to a queue of another root on the same disk, so
// that a cut at any operation is a cut in either root.

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "adapters/relay.h"
#include "tests/adapters/directory_world.h"

namespace spoolmq::adapters::test {

inline constexpr const char* kThere = "there";      // the queue
inline constexpr const char* kOtherRoot = "other";  // the directory of its root

inline OpenOptions no_thread(DirectoryWorld& world) {
  OpenOptions options;
  options.clock = world.shared_clock();
  options.background = false;
  return options;
}

inline Root other_root(DirectoryWorld& world) {
  return Root::open(world.dir(kOtherRoot), world.shared_clock());
}

// Durable.
inline void make_other_root(DirectoryWorld& world, const Settings& settings = {}) {
  world.disk().root()->make_dir(kOtherRoot, 0700);
  world.disk().root()->sync();
  other_root(world).create_queue(kThere, settings);
}

inline Queue there(DirectoryWorld& world) {
  return other_root(world).open_queue(kThere, no_thread(world));
}

class RelayRig {
 public:
  explicit RelayRig(DirectoryWorld& world)
      : root_(Root::open(world.dir("root"), world.shared_clock())) {
    AdapterPlace place;
    place.root = &root_;
    place.clock = &world.clock();
    place.counters = &counters;
    place.name = "r";
    place.on_refused = [this](const std::string&, const std::string& why) { refused = why; };
    relay.emplace(
        "q", RelaySettings{kThere, "/other"}, place,
        [&world](const std::string&) { return other_root(world); }, no_thread(world));
  }
  void run() {
    while (!relay->turn().idle) {
    }
  }

  AdapterCounters counters;
  std::string refused;
  std::optional<Relay> relay;

 private:
  Root root_;
};

}  // namespace spoolmq::adapters::test
