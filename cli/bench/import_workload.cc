#include "cli/bench/import_workload.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "adapters/import_adapter.h"
#include "cli/bench/bench_place.h"
#include "core/clock.h"
#include "spoolmq/queue.h"

namespace spoolmq::bench {
namespace {

constexpr std::size_t kGroup = 256;

void require(bool fine, const char* what) {
  if (!fine) throw failed(what);
}

std::string make_files(const std::string& directory, std::size_t files, std::size_t bytes) {
  const std::string inbox = directory + "/in";
  std::filesystem::create_directory(inbox);
  const std::string body(bytes, 'x');
  for (std::size_t i = 0; i < files; ++i) {
    const std::string name = inbox + "/file-" + std::to_string(i) + ".txt";
    const int file = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    require(file >= 0, "cannot make a file");
    require(::write(file, body.data(), body.size()) == static_cast<ssize_t>(body.size()), "write");
    ::close(file);
  }
  ::sync();
  return inbox;
}

}  // namespace

double import_floor_per_second(const std::string& directory, std::size_t files, std::size_t bytes) {
  const std::string inbox = make_files(directory, files, bytes);
  const std::string log_name = directory + "/log";
  const int log = ::open(log_name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const int dir = ::open(inbox.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  require(log >= 0 && dir >= 0, "cannot open");
  const auto room = static_cast<off_t>(files * bytes + 1);
  require(::fallocate(log, 0, 0, room) == 0 && ::fsync(log) == 0, "fallocate");
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(inbox)) {
    names.push_back(entry.path().filename());
  }
  const double started = now_seconds();
  std::string group;
  for (std::size_t at = 0; at < names.size(); at += kGroup) {
    const std::size_t end = std::min(names.size(), at + kGroup);
    group.clear();
    for (std::size_t i = at; i < end; ++i) {
      const int file = ::openat(dir, names[i].c_str(), O_RDONLY | O_CLOEXEC);
      require(file >= 0, "open");
      const std::size_t before = group.size();
      group.resize(before + bytes);
      require(::read(file, group.data() + before, bytes) == static_cast<ssize_t>(bytes), "read");
      ::close(file);
    }
    require(::write(log, group.data(), group.size()) == static_cast<ssize_t>(group.size()), "log");
    require(::fdatasync(log) == 0, "sync");
    for (std::size_t i = at; i < end; ++i) {
      require(::unlinkat(dir, names[i].c_str(), 0) == 0, "unlink");
    }
    require(::fsync(dir) == 0, "sync of the directory");
  }
  const double taken = now_seconds() - started;
  ::close(log);
  ::close(dir);
  return static_cast<double>(files) / taken;
}

double imports_per_second(const std::string& directory, std::size_t files, std::size_t bytes) {
  const std::string inbox = make_files(directory, files, bytes);
  Root root = Root::open(directory + "/root");
  root.create_queue("q");
  adapters::ImportSettings settings;
  settings.queue = "q";
  settings.directory = inbox;
  settings.ready.rules = {watcher::Rule::kRename};
  SystemClock clock;
  adapters::AdapterPlace place;
  place.root = &root;
  place.clock = &clock;
  adapters::ImportAdapter import(settings, place);
  const double started = now_seconds();
  while (!import.turn().idle) {
  }
  const double taken = now_seconds() - started;
  require(import.report().imported == files, "not every file was imported");
  return static_cast<double>(files) / taken;
}

}  // namespace spoolmq::bench
