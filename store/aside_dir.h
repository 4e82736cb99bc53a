#pragma once
// A directory that is filled under a temporary name beside its final one, and renamed when it is
// whole, or never was. The file that makes it what it is, its key file, is made first, empty and
// locked, and filled last: so a living maker is told from a dead one, whose leavings clean_up()
// takes away. Not thread-safe.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/file_system.h"

namespace spoolmq {

class AsideDir {
 public:
  struct Kind {
    std::string_view prefix;    // of the temporary name; 16 hex digits follow
    std::string_view key_file;  // in the directory
  };
  struct Modes {
    std::uint32_t directory = 0;
    std::uint32_t key_file = 0;
  };
  AsideDir(Dir& parent, const Kind& kind, const Modes& modes);
  AsideDir(AsideDir&& other) noexcept;
  AsideDir& operator=(AsideDir&&) = delete;
  ~AsideDir();  // removes it, unless it has its name

  [[nodiscard]] const std::shared_ptr<Dir>& shared() const { return dir_; }
  Dir& dir() { return *dir_; }
  File& key_file() { return *key_file_; }

  // On return it is durable under that name; what it holds has been synced by the caller.
  // False: the name is taken, and nothing was done.
  [[nodiscard]] bool commit(std::string_view name);

  // Removes what dead makers of this kind left in `parent`. What cannot be removed is logged.
  static void clean_up(Dir& parent, const Kind& kind);

 private:
  bool make(const Kind& kind, const Modes& modes);

  Dir& parent_;
  std::string name_;  // empty: it has its final one
  std::shared_ptr<Dir> dir_;
  std::unique_ptr<File> key_file_;  // with the lock
};

}  // namespace spoolmq
