#include "store/topics_dir.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "core/names.h"
#include "store/ownership.h"
#include "store/topic_names.h"

namespace spoolmq {
namespace {

constexpr std::string_view kBindings = "bindings";
constexpr std::string_view kFirstLine = "spoolmq bindings 1\n";
// A line: pattern, space, queue's name, line feed.
constexpr std::size_t kLongestLine = kMaxTopicBytes + names::kMaxQueueNameBytes + 2;
constexpr std::size_t kLongestFile = kFirstLine.size() + kMaxBindings * kLongestLine;
constexpr std::uint32_t kFileBits = 0664;  // of the root's
constexpr std::chrono::milliseconds kLockWait{10'000};
constexpr std::chrono::milliseconds kBetweenLooks{2};

std::vector<Binding> parse_bindings(std::string_view text, const std::string& subject) {
  const auto refuse = [&](std::string_view why) {
    return Error(ErrorCode::kBadData, "read the bindings", subject, why);
  };
  if (!text.starts_with(kFirstLine)) throw refuse("its first line is not ours");
  text.remove_prefix(kFirstLine.size());
  std::vector<Binding> bindings;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::size_t space = text.find(' ');
    if (end == std::string_view::npos || space >= end) throw refuse("a line of it is torn");
    Binding one{std::string(text.substr(0, space)),
                std::string(text.substr(space + 1, end - space - 1))};
    if (refuse_pattern(one.pattern) || names::refuse_queue_name(one.queue)) {
      throw refuse("a line of it is no binding");
    }
    bindings.push_back(std::move(one));
    text.remove_prefix(end + 1);
  }
  return bindings;
}

}  // namespace

TopicsDir TopicsDir::made_in(Dir& root) {
  std::unique_ptr<Dir> dir = look_shared_dir(root, names::kTopics);
  if (!dir) {
    dir = open_shared_dir(root, names::kTopics);
    if (!dir) {
      throw Error(ErrorCode::kPermission, "open", root.path() + "/" + std::string(names::kTopics),
                  "not ours to write");
    }
    root.sync();
  }
  return TopicsDir(std::move(dir));
}

std::optional<TopicsDir> TopicsDir::look_in(Dir& root) {
  std::unique_ptr<Dir> dir = look_shared_dir(root, names::kTopics);
  if (!dir) return std::nullopt;
  return TopicsDir(std::move(dir));
}

std::vector<Binding> TopicsDir::bindings() {
  const auto text = read_file(*dir_, kBindings, kLongestFile);
  if (!text) return {};
  return parse_bindings(*text, dir_->path() + "/" + std::string(kBindings));
}

void TopicsDir::change_bindings(const std::function<bool(std::vector<Binding>&)>& change) {
  const std::unique_ptr<File> lock = take_lock(Byte::kBindings, LockKind::kExclusive);
  std::vector<Binding> bindings = this->bindings();
  if (!change(bindings)) return;
  if (bindings.size() > kMaxBindings) {
    throw Error(ErrorCode::kBadData, "bind", dir_->path(),
                "there are " + std::to_string(kMaxBindings) + " bindings already");
  }
  std::sort(bindings.begin(), bindings.end());
  std::string text(kFirstLine);
  for (const Binding& one : bindings) text += one.pattern + " " + one.queue + "\n";
  const FileStatus status = dir_->status();
  replace_file(*dir_, kBindings, text, (status.mode & kFileBits) | 0600);
  if (auto file = dir_->open(kBindings, Access::kReadWrite)) give_owner(*file, status);
}

std::unique_ptr<File> TopicsDir::try_lock(Byte byte, LockKind kind) {
  std::unique_ptr<File> file = create_shared_file(*dir_, names::kLock, IfExists::kOpen);
  if (!file->try_lock(static_cast<std::uint64_t>(byte), 1, kind)) return nullptr;
  return file;
}

std::unique_ptr<File> TopicsDir::take_lock(Byte byte, LockKind kind) {
  const auto deadline = std::chrono::steady_clock::now() + kLockWait;
  while (true) {
    if (std::unique_ptr<File> file = try_lock(byte, kind)) return file;
    if (std::chrono::steady_clock::now() >= deadline) {
      throw Error(ErrorCode::kTryAgain, "lock", dir_->path() + "/" + std::string(names::kLock),
                  "another process has had it for ten seconds");
    }
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

}  // namespace spoolmq
