#pragma once
// The file of who has which passcode: a line "NAME:HASH" per user, comments behind '#', empty
// lines. It belongs to whoever runs us (or to root), nobody else may write it, and not everybody
// read it; it is at most 1 MiB. Whoever edits it replaces it as a whole: readers see the old one or
// the new.

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace spoolmq::adapters {

inline constexpr std::size_t kMostPasswordFileBytes = 1 << 20;
inline constexpr std::size_t kMostLoginBytes = 64;

// Letters, digits, '.', '_', '-', '@' and '+', the first a letter or digit. Says why it is none.
std::optional<std::string> refuse_login_name(std::string_view name);

using PasswordHashes = std::map<std::string, std::string, std::less<>>;  // name → hash

// Pure. Throws Error(kConfiguration) that names `path` and the line, never what stands there.
PasswordHashes parse_passwords(std::string_view text, std::string_view path);

// The file as it is, whoever owns it: root edits those of others. Throws Error(kConfiguration).
PasswordHashes read_passwords(const std::string& path);

// Has what the file says in memory, and reads it again when it was changed. Of one thread.
class PasswordFile {
 public:
  // Throws Error(kConfiguration).
  explicit PasswordFile(std::string path);
  // As it is now. Throws Error(kConfiguration); then what was known before is forgotten.
  const PasswordHashes& hashes();

 private:
  struct Stamp {
    std::uint64_t device = 0, inode = 0, size = 0;
    std::int64_t changed_ns = 0;
    std::uint32_t mode = 0;
    bool operator==(const Stamp&) const = default;
  };
  static Stamp stamp_of(const struct stat& status);
  void read();

  const std::string path_;
  std::optional<Stamp> stamp_;
  PasswordHashes hashes_;
};

}  // namespace spoolmq::adapters
