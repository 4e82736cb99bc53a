#include "adapters/user_key.h"

#include <pwd.h>

#include <array>
#include <charconv>

#include "core/text.h"

namespace spoolmq::adapters {
namespace {

using Entry = std::array<char, 16 << 10>;  // more than any entry of /etc/passwd

}  // namespace

std::uint32_t parse_user_key(const KeyValue& given) {
  Entry buffer;
  passwd entry{};
  passwd* found = nullptr;
  ::getpwnam_r(given.value.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found != nullptr) return found->pw_uid;
  std::uint32_t uid = 0;
  const char* const end = given.value.data() + given.value.size();
  const auto [stop, error] = std::from_chars(given.value.data(), end, uid);
  if (error != std::errc() || stop != end) throw bad_value(given, "no such user");
  return uid;
}

std::string shown_user(std::uint32_t uid) {
  Entry buffer;
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
  return found != nullptr ? printable(found->pw_name) : std::to_string(uid);
}

}  // namespace spoolmq::adapters
