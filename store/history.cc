#include "store/history.h"

#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "core/log.h"
#include "core/names.h"
#include "core/units.h"
#include "spoolmq/error.h"
#include "store/ownership.h"

namespace spoolmq {
namespace {

constexpr std::uint64_t kRotateAtBytes = 8 << 20;
constexpr int kOldFiles = 4;
constexpr std::size_t kMostLines = 1000;
constexpr std::chrono::milliseconds kLongestWait{1000};
constexpr std::chrono::microseconds kLookAgain{100};

}  // namespace

History::History(std::shared_ptr<Dir> root, std::string queue_name, const Clock& clock)
    : root_(std::move(root)), queue_(std::move(queue_name)), clock_(clock) {}

std::string History::file_name(int age) const {
  const std::string name = names::queue_directory(queue_) + ".log";
  return age == 0 ? name : name + "." + std::to_string(age);
}

void History::tell(const Event& event) {
  try {
    nlohmann::ordered_json line;
    line["time"] = format_time(clock_.wall_ms());
    line["queue"] = queue_;
    line["act"] = event.act;
    if (!event.id.is_nil()) line["id"] = event.id.text();
    if (!event.reason.empty()) line["reason"] = event.reason;
    line["deliveries"] = event.deliveries;
    line["failures"] = event.failures;
    line["uid"] = getuid();
    line["pid"] = getpid();
    append(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  } catch (const std::exception& error) {
    log::warn("history not written", {{"queue", queue_}, {"why", error.what()}});
  }
}

void History::append(const std::string& line) {
  const std::unique_ptr<Dir> dir = open_shared_dir(*root_, names::kHistory);
  if (!dir) throw Error(ErrorCode::kPermission, "open", names::kHistory, "not ours to write");
  const auto deadline = std::chrono::steady_clock::now() + kLongestWait;
  while (true) {
    const std::unique_ptr<File> file = create_shared_file(*dir, file_name(0), IfExists::kOpen);
    // One writer at a time: two that append at the same end would overwrite each other's line.
    if (!file->try_lock(0, 1, LockKind::kExclusive)) {
      if (std::chrono::steady_clock::now() > deadline) {
        throw Error(ErrorCode::kTryAgain, "lock", file_name(0), "others are writing to it");
      }
      std::this_thread::sleep_for(kLookAgain);
      continue;
    }
    const FileStatus status = file->status();
    const std::optional<FileStatus> named = dir->status(file_name(0));
    if (!named || named->inode != status.inode) continue;  // rotated away while we waited
    if (status.size >= kRotateAtBytes) {
      for (int age = kOldFiles - 1; age >= 0; --age) {
        if (dir->status(file_name(age))) dir->rename_over(file_name(age), *dir, file_name(age + 1));
      }
      continue;
    }
    file->write_at(as_bytes(line), status.size);
    return;
  }
}

std::vector<std::string> History::of(const MessageId& id) {
  std::vector<std::string> lines;
  const std::unique_ptr<Dir> dir = look_shared_dir(*root_, names::kHistory);
  if (!dir) return lines;
  const std::string wanted = "\"id\":\"" + id.text() + "\"";
  for (int age = kOldFiles; age >= 0; --age) {
    const auto content = read_file(*dir, file_name(age), 2 * kRotateAtBytes);
    if (!content) continue;
    for (std::size_t at = 0; at < content->size();) {
      const std::size_t end = std::min(content->find('\n', at), content->size());
      const std::string_view line(content->data() + at, end - at);
      if (line.find(wanted) != std::string_view::npos && lines.size() < kMostLines) {
        lines.emplace_back(line);
      }
      at = end + 1;
    }
  }
  return lines;
}

}  // namespace spoolmq
