#include "adapters/password_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "adapters/descriptor.h"
#include "adapters/passcode_hash.h"
#include "core/read_to_end.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kOperation = "use passwords";
constexpr mode_t kTooOpen = S_IWGRP | S_IRWXO;
constexpr std::int64_t kNsPerSecond = 1'000'000'000;

[[noreturn]] void refuse(std::string_view path, std::string_view why) {
  throw Error(ErrorCode::kConfiguration, kOperation, path, why);
}

[[noreturn]] void refuse_errno(std::string_view path) {
  refuse(path, std::generic_category().message(errno));
}

bool is_letter_or_digit(char one) {
  return (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z') || (one >= '0' && one <= '9');
}

struct OpenFile {
  Descriptor descriptor;
  struct stat status {};
};

// Looks at what was opened, so that nothing can be put in its place in between.
OpenFile open_checked(const std::string& path) {
  OpenFile file{Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)), {}};
  if (!file.descriptor.is_open()) refuse_errno(path);
  if (::fstat(file.descriptor.number(), &file.status) != 0) refuse_errno(path);
  const struct stat& status = file.status;
  if (!S_ISREG(status.st_mode)) refuse(path, "it is not a file");
  if ((status.st_mode & kTooOpen) != 0) {
    refuse(path, "others may read or write it: chmod 600, or 640 for one group");
  }
  if (static_cast<std::uint64_t>(status.st_size) > kMostPasswordFileBytes) {
    refuse(path, "it is longer than 1 MiB");
  }
  return file;
}

std::string read_all(const OpenFile& file, const std::string& path) {
  std::optional<std::string> text =
      read_to_end(file.descriptor.number(), kMostPasswordFileBytes + 1);
  if (!text) refuse_errno(path);
  if (text->size() > kMostPasswordFileBytes) refuse(path, "it is longer than 1 MiB");
  return *std::move(text);
}

}  // namespace

std::optional<std::string> refuse_login_name(std::string_view name) {
  constexpr std::string_view kFurther = "._-@+";
  const bool is_name =
      !name.empty() && name.size() <= kMostLoginBytes && is_letter_or_digit(name.front()) &&
      std::ranges::all_of(name, [kFurther](char one) {
        return is_letter_or_digit(one) || kFurther.find(one) != std::string_view::npos;
      });
  if (is_name) return std::nullopt;
  return "a user's name has 1 to 64 letters, digits, '.', '_', '-', '@' and '+', the first a "
         "letter "
         "or digit";
}

PasswordHashes parse_passwords(std::string_view text, std::string_view path) {
  PasswordHashes hashes;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.empty() || line.front() == '#') continue;
    const std::string where = std::string(path) + ":" + std::to_string(number);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || refuse_login_name(line.substr(0, colon))) {
      refuse(where, "not NAME:HASH");
    }
    if (!is_passcode_hash(line.substr(colon + 1))) {
      refuse(where, "no yescrypt hash, $y$…: spoolmq passwd makes them");
    }
    if (!hashes.emplace(line.substr(0, colon), line.substr(colon + 1)).second) {
      refuse(where, "that name is there twice");
    }
  }
  return hashes;
}

PasswordHashes read_passwords(const std::string& path) {
  return parse_passwords(read_all(open_checked(path), path), path);
}

PasswordFile::PasswordFile(std::string path) : path_(std::move(path)) { read(); }

const PasswordHashes& PasswordFile::hashes() {
  struct stat status {};
  if (!stamp_ || ::stat(path_.c_str(), &status) != 0 || stamp_of(status) != *stamp_) read();
  return hashes_;
}

PasswordFile::Stamp PasswordFile::stamp_of(const struct stat& status) {
  return {status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size),
          status.st_ctim.tv_sec * kNsPerSecond + status.st_ctim.tv_nsec, status.st_mode};
}

void PasswordFile::read() {
  stamp_.reset();
  hashes_.clear();
  const OpenFile file = open_checked(path_);
  if (file.status.st_uid != 0 && file.status.st_uid != ::geteuid()) {
    refuse(path_, "it is somebody else's");
  }
  hashes_ = parse_passwords(read_all(file, path_), path_);
  stamp_ = stamp_of(file.status);
}

}  // namespace spoolmq::adapters
