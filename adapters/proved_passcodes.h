#pragma once
// Passcodes that were right a short time ago, so that a thousand reconnects cost one hash. Kept is
// no passcode but HMAC-SHA-256 of it under a key that is made at random and never leaves this
// object, beside the hash it was right for: with another hash in the file it proves nothing any
// more. One entry per name, and only of names that proved one. Not thread-safe.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "adapters/secret.h"

namespace spoolmq::adapters {

class ProvedPasscodes {
 public:
  static constexpr std::int64_t kKeptMs = 5 * 60 * 1000;
  static constexpr std::size_t kMostEntries = 4096;

  ProvedPasscodes();  // throws Error(kOsResource) where there is no randomness
  ProvedPasscodes(const ProvedPasscodes&) = delete;
  ProvedPasscodes& operator=(const ProvedPasscodes&) = delete;
  ~ProvedPasscodes();

  [[nodiscard]] bool has(const std::string& name, const Secret& passcode, std::string_view hash,
                         std::int64_t now_boot_ms) const;
  void add(const std::string& name, const Secret& passcode, std::string_view hash,
           std::int64_t now_boot_ms);

 private:
  using Mark = std::array<unsigned char, 32>;
  [[nodiscard]] Mark mark_of(const std::string& name, const Secret& passcode) const;

  struct Entry {
    Mark mark{};
    std::string hash;
    std::int64_t until_boot_ms = 0;
  };
  std::array<unsigned char, 32> key_{};
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace spoolmq::adapters
