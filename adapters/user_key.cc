#include "adapters/user_key.h"

#include "adapters/account_names.h"
#include "core/text.h"

namespace spoolmq::adapters {

std::uint32_t parse_user_key(const KeyValue& given) {
  if (const auto user = user_of_name(given.value)) return *user;
  if (const auto number = account_number(given.value)) return *number;
  throw bad_value(given, "no such user");
}

std::string shown_user(std::uint32_t uid) {
  const auto name = name_of_user(uid);
  return name ? printable(*name) : std::to_string(uid);
}

}  // namespace spoolmq::adapters
