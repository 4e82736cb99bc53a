#include "tests/bench/stomp_syncs.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <thread>

#include "cli/bench/bench_place.h"
#include "tests/bench/peer_server.h"

namespace spoolmq::bench {
namespace {

constexpr double kLongestAttachSeconds = 20;
constexpr char kSyncCalls[] = "trace=fsync,fdatasync,sync_file_range,msync,syncfs,sync";

bool is_traced(const std::filesystem::path& task) {
  std::ifstream status(task / "status");
  std::string word;
  while (status >> word) {
    if (word != "TracerPid:") continue;
    status >> word;
    return word != "0";
  }
  return true;  // it has ended meanwhile
}

bool is_traced_whole(pid_t process) {
  const std::filesystem::path tasks("/proc/" + std::to_string(process) + "/task");
  return std::ranges::all_of(std::filesystem::directory_iterator(tasks),
                             [](const auto& task) { return is_traced(task.path()); });
}

// "1764388000.123456 fdatasync(7) = 0 <0.000110>"; false: another line.
bool parse(const std::string& line, Sync& sync) {
  const std::size_t took = line.rfind('<');
  if (took == std::string::npos || line.find(" = 0 <") == std::string::npos) return false;
  sync.began_s = std::strtod(line.c_str(), nullptr);
  sync.ended_s = sync.began_s + std::strtod(line.c_str() + took + 1, nullptr);
  return true;
}

}  // namespace

bool SyncTrace::is_possible() { return !program_path("strace").empty(); }

SyncTrace::SyncTrace(pid_t process, std::string directory) : directory_(std::move(directory)) {
  const std::string program = program_path("strace");
  const std::string file = directory_ + "/trace";
  const std::string number = std::to_string(process);
  // A file per thread, so that no call is broken up by another's.
  std::array<const char*, 13> words{program.c_str(), "-qq", "-ff",      "-ttt", "-T",         "-e",
                                    "signal=none",   "-e",  kSyncCalls, "-o",   file.c_str(), "-p",
                                    number.c_str()};
  std::vector<char*> command;
  for (const char* const word : words) command.push_back(const_cast<char*>(word));
  command.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  const int error =
      ::posix_spawn(&tracer_, program.c_str(), &actions, nullptr, command.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("strace: " + std::string(std::strerror(error)));
  const double began = now_seconds();
  while (!is_traced_whole(process)) {
    if (now_seconds() - began > kLongestAttachSeconds) {
      detach();
      throw std::runtime_error("strace does not attach to process " + number);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

SyncTrace::~SyncTrace() { detach(); }

void SyncTrace::detach() {
  if (tracer_ < 0) return;
  ::kill(tracer_, SIGINT);
  ::waitpid(tracer_, nullptr, 0);
  tracer_ = -1;
}

std::vector<Sync> SyncTrace::finish() {
  detach();
  std::vector<Sync> syncs;
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    if (!entry.path().filename().string().starts_with("trace.")) continue;
    std::ifstream file(entry.path());
    std::string line;
    Sync sync;
    while (std::getline(file, line)) {
      if (parse(line, sync)) syncs.push_back(sync);
    }
  }
  std::ranges::sort(syncs, {}, &Sync::began_s);
  return syncs;
}

double share_synced(const Answers& answers, const std::vector<Sync>& syncs) {
  if (answers.frames.empty()) return 0;
  // From the last to the first: the earliest end of all that began no earlier.
  std::vector<double> first_end(syncs.size());
  double earliest = 1e300;
  for (std::size_t i = syncs.size(); i-- > 0;) {
    earliest = std::min(earliest, syncs[i].ended_s);
    first_end[i] = earliest;
  }
  const auto synced = std::ranges::count_if(answers.frames, [&](const Receipted& frame) {
    const auto next = std::ranges::lower_bound(syncs, frame.asked_s, {}, &Sync::began_s);
    return next != syncs.end() &&
           first_end[static_cast<std::size_t>(next - syncs.begin())] <= frame.answered_s;
  });
  return static_cast<double>(synced) / static_cast<double>(answers.frames.size());
}

}  // namespace spoolmq::bench
