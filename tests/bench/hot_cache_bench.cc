// hot_cache_bench: how long a message travels through the hot cache, beside what else hands bytes
// to another process; what publishing costs; how soon a sleeping reader has its message, beside a
// bare futex. Every figure is the median of the runs, with its target. Compare within one run only.
//   hot_cache_bench [--runs N] [--messages N] [--dir DIR] [--only NAME]
//   hot_cache_bench --publish N [--asleep]      for strace: between "begin" and "end" on stdout
#include <algorithm>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/bench_command.h"
#include "cli/bench/bench_place.h"
#ifdef SPOOLMQ_BENCH_BOOST
#include "tests/bench/boost_channel.h"
#endif
#include "tests/bench/hot_channels.h"
#include "tests/bench/publish_cost.h"
#include "cli/bench/system_channels.h"

namespace spoolmq::bench {
namespace {

constexpr std::chrono::microseconds kApart{10};
constexpr std::chrono::microseconds kApartAsleep{300};
constexpr int kWarmUp = 500;
constexpr double kPublishTargetNs = 200;
constexpr double kPublishSeconds = 0.5;
// Ways with bounds that the hot cache stands beside.
constexpr std::string_view kComparedWith[] = {"pipe", "unix-socket", "posix-mq"};
constexpr double kAsleepTarget = 1.25;  // of a bare futex

struct Options {
  int runs = 5;
  int messages = 20'000;
  std::string parent = "/var/tmp";
  std::string only;
  int publish = 0;
  Sleeper sleeper = Sleeper::kNone;
  [[nodiscard]] bool wants(std::string_view name) const { return only.empty() || only == name; }
};

Options parse(Words words) {
  Options options;
  while (const auto word = words.next()) {
    if (*word == "--runs") {
      options.runs = std::stoi(words.value());
    } else if (*word == "--messages") {
      options.messages = std::stoi(words.value());
    } else if (*word == "--dir") {
      options.parent = words.value();
    } else if (*word == "--only") {
      options.only = words.value();
    } else if (*word == "--publish") {
      options.publish = std::stoi(words.value());
    } else if (*word == "--asleep") {
      options.sleeper = Sleeper::kAsleep;
    } else {
      words.refuse();
    }
  }
  if (options.runs < 1 || options.messages < 1) throw std::runtime_error("nothing to measure");
  return options;
}

// The medians of the runs.
struct Figures {
  std::vector<double> p50;
  std::vector<double> p99;
  std::vector<double> call;
  void add(const Travel& travel) {
    p50.push_back(percentile(travel.took_ns, 0.5));
    p99.push_back(percentile(travel.took_ns, 0.99));
    call.push_back(percentile(travel.calls_ns, 0.5));
  }
};

struct Way {
  std::string name;
  double target_ns;  // for the median; 0: it is there to be compared with
  std::function<std::unique_ptr<Channel>(const std::string& directory)> make;
};

std::vector<Way> ways(std::size_t body_bytes, double target_ns) {
  const std::string size = "-" + std::to_string(body_bytes);
  std::vector<Way> all = {
      {"word" + size, 0, [](const auto&) { return word_channel(Waiting::kSpins); }},
      {"ring" + size, target_ns, [=](const auto& dir) { return ring_channel(dir, body_bytes); }},
      {"tail" + size, target_ns,
       [=](const auto& dir) { return tail_channel(dir, body_bytes, Waiting::kSpins); }},
  };
  const auto compare_with = [&](std::string_view name, auto make) {
    all.push_back({std::string(name) + size, 0, [=](const auto&) { return make(body_bytes); }});
  };
#ifdef SPOOLMQ_BENCH_BOOST
  compare_with("boost", boost_channel);
#endif
  for (const auto* const table : {&stream_channels(), &record_channels()}) {
    for (const SystemChannel& one : *table) {
      if (std::ranges::find(kComparedWith, one.name) == std::end(kComparedWith)) continue;
      compare_with(one.name, one.make);
    }
  }
  return all;
}

void print(const std::string& name, const Figures& figures, double target_ns,
           const char* of_target) {
  const double p50 = median(figures.p50);
  std::printf("%-18s %8.0f ns p50 %8.0f ns p99   send %6.0f ns", name.c_str(), p50,
              median(figures.p99), median(figures.call));
  if (target_ns > 0) {
    std::printf("   target %6.0f ns   %4.0f %%   (%s)", target_ns, 100 * p50 / target_ns,
                of_target);
  }
  std::printf("\n");
  std::fflush(stdout);
}

// All ways take turns, so that what else the machine does hits all of them.
void run_travels(const Options& options, std::size_t body_bytes, double target_ns) {
  const std::vector<Way> all = ways(body_bytes, target_ns);
  std::vector<Figures> figures(all.size());
  for (int run = 0; run < options.runs; ++run) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (!options.wants(all[i].name)) continue;
      const Place place(options.parent);
      const auto channel = all[i].make(place.path());
      figures[i].add(travel(*channel, {options.messages, kWarmUp, kApart}));
    }
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (options.wants(all[i].name)) print(all[i].name, figures[i], all[i].target_ns, "to the copy");
  }
}

void run_publish(const Options& options, const std::string& name, Reader reader) {
  if (!options.wants(name)) return;
  std::vector<double> costs;
  for (int run = 0; run < options.runs; ++run) {
    const Place place(options.parent);
    costs.push_back(publish_ns(place.path(), reader, kPublishSeconds));
  }
  const double cost = median(costs);
  std::printf("%-18s %8.0f ns   target %6.0f ns   %4.0f %%   (64 bytes, back to back)\n",
              name.c_str(), cost, kPublishTargetNs, 100 * cost / kPublishTargetNs);
  std::fflush(stdout);
}

void run_asleep(const Options& options) {
  if (!options.wants("asleep")) return;
  const Pace pace{options.messages / 10, kWarmUp / 5, kApartAsleep};
  Figures bare;
  Figures tail;
  for (int run = 0; run < options.runs; ++run) {
    bare.add(travel(*word_channel(Waiting::kSleeps), pace));
    const Place place(options.parent);
    tail.add(travel(*tail_channel(place.path(), 64, Waiting::kSleeps), pace));
  }
  print("futex", bare, 0, "");
  print("tail-asleep", tail, kAsleepTarget * median(bare.p50), "125 % of a bare futex");
}

void run(const Options& options) {
  if (options.publish > 0) {
    const Place place(options.parent);
    publish_between_marks(place.path(), options.publish, options.sleeper);
    return;
  }
  run_travels(options, 64, 600);
  run_travels(options, 1024, 1000);
  run_publish(options, "publish", Reader::kNone);
  run_publish(options, "publish-read", Reader::kSpins);
  run_asleep(options);
}

}  // namespace
}  // namespace spoolmq::bench

int main(int count, char** words) {
  return spoolmq::bench::run_benchmark("hot_cache_bench", [&] {
    spoolmq::bench::run(spoolmq::bench::parse(spoolmq::bench::Words(count, words)));
  });
}
