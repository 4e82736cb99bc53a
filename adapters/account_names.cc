#include "adapters/account_names.h"

#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <vector>

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kFirstBytes = 1024;
constexpr std::size_t kMostBytes = 1 << 20;

std::optional<std::uint32_t> number_of(const std::string& text) {
  std::uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  // The largest means "none" to the calls that take one.
  if (error != std::errc() || stop != end || number == UINT32_MAX) return std::nullopt;
  return number;
}

// `ask` fills an entry whose strings stand in the buffer.
template <typename Entry, typename Ask, typename Take>
auto look_up(const Ask& ask, const Take& take) -> std::optional<decltype(take(Entry{}))> {
  for (std::size_t size = kFirstBytes; size <= kMostBytes; size *= 2) {
    std::vector<char> buffer(size);
    Entry entry{};
    Entry* found = nullptr;
    const int code = ask(entry, buffer, found);
    if (code == ERANGE) continue;
    if (found == nullptr) break;
    return take(entry);
  }
  return std::nullopt;
}

}  // namespace

std::optional<uid_t> find_user(const std::string& text) {
  if (const auto number = number_of(text)) return number;
  return look_up<passwd>(
      [&text](passwd& entry, std::vector<char>& buffer, passwd*& found) {
        return ::getpwnam_r(text.c_str(), &entry, buffer.data(), buffer.size(), &found);
      },
      [](const passwd& entry) { return entry.pw_uid; });
}

std::optional<gid_t> find_group(const std::string& text) {
  if (const auto number = number_of(text)) return number;
  return look_up<group>(
      [&text](group& entry, std::vector<char>& buffer, group*& found) {
        return ::getgrnam_r(text.c_str(), &entry, buffer.data(), buffer.size(), &found);
      },
      [](const group& entry) { return entry.gr_gid; });
}

std::string user_name(uid_t user) {
  const auto name = look_up<passwd>(
      [user](passwd& entry, std::vector<char>& buffer, passwd*& found) {
        return ::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found);
      },
      [](const passwd& entry) { return std::string(entry.pw_name); });
  return name.value_or("uid:" + std::to_string(user));
}

}  // namespace spoolmq::adapters
