#include "adapters/access_settings.h"

#include "adapters/place_key.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMostRows = 1024;

}  // namespace

void read_passwords(AccessSettings& to, const KeyValue& given) {
  to.passwords = parse_file_path(given);
}

void add_rights(AccessSettings& to, const KeyValue& given) {
  if (to.rights.size() == kMostRows) throw bad_value(given, "more than 1024 of them");
  to.rights.push_back(parse_rights(given));
}

}  // namespace spoolmq::adapters
