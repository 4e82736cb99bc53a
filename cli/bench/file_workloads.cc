#include <filesystem>

#include "adapters/export_adapter.h"
#include "cli/bench/import_workload.h"
#include "cli/bench/machine_limits.h"
#include "cli/bench/workload.h"
#include "core/clock.h"

namespace spoolmq::bench {
namespace {

std::size_t files_of(const Conditions& conditions) {
  return conditions.count ? static_cast<std::size_t>(*conditions.count) : kImportFiles;
}

Sample export_files(const Conditions& conditions) {
  const std::size_t files = files_of(conditions);
  Root root = Root::open(conditions.directory + "/root");
  root.create_queue(kQueueName);
  {
    Queue queue = root.open_queue(kQueueName);
    fill(queue, files, conditions);
  }
  adapters::ExportSettings settings;
  settings.queue = kQueueName;
  settings.directory = conditions.directory + "/out";
  std::filesystem::create_directory(settings.directory);
  SystemClock clock;
  adapters::AdapterPlace place;
  place.root = &root;
  place.clock = &clock;
  adapters::ExportAdapter exporting(settings, place);
  const double began = now_seconds();
  while (!exporting.turn().idle) {
  }
  const double took = now_seconds() - began;
  if (exporting.report().exported != files) throw failed("not every message was exported");
  return {static_cast<double>(files) / took, 0, {}};
}

}  // namespace

std::span<const Workload> file_workloads() {
  using C = Conditions;
  static const std::vector<Workload> all = {
      {"import", "files of a directory become messages", Unit::kPerSecond,
       "256 files read, appended and unlinked, 2 syncs",
       [](const C& c) {
         return Sample{imports_per_second(c.directory, files_of(c), c.body_bytes), 0, {}};
       },
       [](const C& c) { return import_floor_per_second(c.directory, files_of(c), c.body_bytes); }},
      {"export", "messages become files of a directory", Unit::kPerSecond,
       "256 new files, synced, and their directory once", export_files,
       [](const C& c) {
         return new_files_per_second(c.directory, c.body_bytes, kBatch, c.seconds);
       }},
  };
  return all;
}

}  // namespace spoolmq::bench
