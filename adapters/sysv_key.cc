#include "adapters/sysv_key.h"

#include <sys/ipc.h>

#include <cerrno>
#include <charconv>

namespace spoolmq::adapters {

key_t resolve(const SysvKey& key) {
  if (key.path.empty()) return key.key;
  const key_t made = ::ftok(key.path.c_str(), key.project);
  if (made == -1) throw Error::from_errno(errno, "make a key of", key.path);
  return made;
}

SysvKey parse_sysv_key(const KeyValue& given) {
  std::string_view text = given.value;
  const bool is_hex = text.starts_with("0x");
  if (is_hex) text.remove_prefix(2);
  std::uint32_t key = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, key, is_hex ? 16 : 10);
  if (error != std::errc() || stop != end || key == 0) {
    throw bad_value(given, "not a key above 0, such as 4711 or 0x1a2b, of at most 32 bits");
  }
  return {static_cast<key_t>(key), given.value, {}, 0};
}

std::string parse_ftok_path(const KeyValue& given) {
  if (given.value.empty() || given.value.front() != '/' ||
      given.value.find('\0') != std::string::npos) {
    throw bad_value(given, "it must be the absolute path of a file");
  }
  return given.value;
}

int parse_ftok_project(const KeyValue& given) {
  return static_cast<int>(parse_count(given, 1, 255));
}

}  // namespace spoolmq::adapters
