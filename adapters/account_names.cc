#include "adapters/account_names.h"

#include <cerrno>
#include <charconv>
#include <vector>

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kFirstBytes = 1024;
constexpr std::size_t kMostBytes = 1 << 20;

// `ask` fills an entry whose strings stand in the buffer.
template <typename Entry, typename Ask>
bool look_up(const Ask& ask, const std::function<void(const Entry&)>& take) {
  for (std::size_t size = kFirstBytes; size <= kMostBytes; size *= 2) {
    std::vector<char> buffer(size);
    Entry entry{};
    Entry* found = nullptr;
    if (ask(entry, buffer, found) == ERANGE) continue;
    if (found == nullptr) return false;
    take(entry);
    return true;
  }
  return false;
}

std::optional<std::uint32_t> usable_number(const std::string& text) {
  const auto number = account_number(text);
  return number == UINT32_MAX ? std::nullopt : number;
}

}  // namespace

std::optional<std::uint32_t> account_number(const std::string& text) {
  std::uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

bool with_user(const std::string& name, const std::function<void(const passwd&)>& take) {
  return look_up<passwd>(
      [&name](passwd& entry, std::vector<char>& buffer, passwd*& found) {
        return ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
      },
      take);
}

bool with_user(uid_t user, const std::function<void(const passwd&)>& take) {
  return look_up<passwd>(
      [user](passwd& entry, std::vector<char>& buffer, passwd*& found) {
        return ::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found);
      },
      take);
}

bool with_group(const std::string& name, const std::function<void(const group&)>& take) {
  return look_up<group>(
      [&name](group& entry, std::vector<char>& buffer, group*& found) {
        return ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
      },
      take);
}

std::optional<uid_t> user_of_name(const std::string& name) {
  std::optional<uid_t> user;
  with_user(name, [&user](const passwd& entry) { user = entry.pw_uid; });
  return user;
}

std::optional<gid_t> group_of_name(const std::string& name) {
  std::optional<gid_t> found;
  with_group(name, [&found](const group& entry) { found = entry.gr_gid; });
  return found;
}

std::optional<std::string> name_of_user(uid_t user) {
  std::optional<std::string> name;
  with_user(user, [&name](const passwd& entry) { name = entry.pw_name; });
  return name;
}

std::optional<uid_t> find_user(const std::string& text) {
  if (const auto number = usable_number(text)) return number;
  return user_of_name(text);
}

std::optional<gid_t> find_group(const std::string& text) {
  if (const auto number = usable_number(text)) return number;
  return group_of_name(text);
}

std::string user_name(uid_t user) {
  return name_of_user(user).value_or("uid:" + std::to_string(user));
}

}  // namespace spoolmq::adapters
