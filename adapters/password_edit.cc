#include "adapters/password_edit.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>

#include "adapters/descriptor.h"
#include "adapters/password_file.h"
#include "core/file_system.h"
#include "core/id_source.h"
#include "core/text.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kOperation = "change passwords";
constexpr std::uint32_t kNewMode = 0600;
constexpr std::chrono::seconds kPatience{10};
constexpr std::chrono::milliseconds kBetweenTries{20};

// Where the file itself is, behind symbolic links.
std::filesystem::path place_of(const std::string& path) {
  std::error_code error;
  const std::filesystem::path place = std::filesystem::weakly_canonical(path, error);
  if (error) throw Error::from_errno(error.value(), kOperation, path);
  if (!place.has_filename()) {
    throw Error(ErrorCode::kUsage, kOperation, path, "not the name of a file");
  }
  return place;
}

// A lock of the directory: the file itself is another one afterwards.
Descriptor lock_directory(const std::filesystem::path& directory) {
  Descriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.is_open()) throw Error::from_errno(errno, kOperation, directory.string());
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (::flock(opened.number(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      throw Error::from_errno(errno, "lock", directory.string());
    }
    if (std::chrono::steady_clock::now() >= end) {
      throw Error(ErrorCode::kTryAgain, "lock", directory.string(), "somebody has it locked");
    }
    std::this_thread::sleep_for(kBetweenTries);
  }
  return opened;
}

struct Changed {
  std::string text;
  bool had_it = false;
};

// All lines but that of `name`, which `line` replaces (empty: it goes). Without one it is added.
Changed with_line(std::string_view text, const std::string& name, const std::string& line) {
  Changed changed;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    const bool is_theirs = one.starts_with(name) && one.substr(name.size()).starts_with(':');
    changed.had_it = changed.had_it || is_theirs;
    if (is_theirs && line.empty()) continue;
    changed.text.append(is_theirs ? std::string_view(line) : one).append("\n");
  }
  if (!changed.had_it && !line.empty()) changed.text.append(line).append("\n");
  return changed;
}

// As replace_file(), and the owner and group stay.
void replace(Dir& dir, const std::string& file, const std::string& text,
             const std::optional<FileStatus>& before) {
  const std::string temporary = "." + file + "." + hex16(random_bits());
  const std::unique_ptr<File> made =
      dir.create(temporary, before ? before->mode : kNewMode, IfExists::kFail);
  try {
    const FileStatus status = made->status();
    if (before && (before->uid != status.uid || before->gid != status.gid)) {
      made->set_owner(before->uid, before->gid);
    }
    made->write_at(as_bytes(text), 0);
    made->sync();
    dir.rename_over(temporary, dir, file);
  } catch (const Error&) {
    dir.unlink(temporary);
    throw;
  }
  dir.sync();
}

// True: the file had that user before.
bool edit(const std::string& path, const std::string& name, const std::string& line) {
  const std::filesystem::path place = place_of(path);
  const Descriptor lock = lock_directory(place.parent_path());
  const std::unique_ptr<Dir> dir = open_posix_dir(place.parent_path().string());
  const std::string file = place.filename().string();
  const std::optional<FileStatus> before = dir->status(file);
  // What serve would refuse is not made to look right by a change.
  if (before) static_cast<void>(read_passwords(place.string()));
  const std::string text = read_file(*dir, file, kMostPasswordFileBytes).value_or("");
  const Changed changed = with_line(text, name, line);
  if (changed.text.size() > kMostPasswordFileBytes) {
    throw Error(ErrorCode::kCannotCreate, kOperation, path, "it would be longer than 1 MiB");
  }
  if (changed.text == text) return changed.had_it;
  replace(*dir, file, changed.text, before);
  return changed.had_it;
}

}  // namespace

Edited set_passcode_hash(const std::string& path, const std::string& name,
                         const std::string& hash) {
  return edit(path, name, name + ":" + hash) ? Edited::kChanged : Edited::kAdded;
}

Edited remove_login(const std::string& path, const std::string& name) {
  if (!edit(path, name, "")) {
    throw Error(ErrorCode::kNotFound, kOperation, path, "there is no " + name);
  }
  return Edited::kRemoved;
}

}  // namespace spoolmq::adapters
