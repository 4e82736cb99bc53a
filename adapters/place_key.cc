#include "adapters/place_key.h"

#include "spoolmq/message.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMaxPathBytes = 4095;  // PATH_MAX less its NUL

}  // namespace

std::string parse_file_path(const KeyValue& given) {
  const std::string& path = given.value;
  if (path.empty() || path.front() != '/' || path.back() == '/' || path.size() > kMaxPathBytes ||
      path.find('\0') != std::string::npos) {
    throw bad_value(given, "it must be the absolute path of a file");
  }
  return path;
}

std::size_t parse_most_bytes(const KeyValue& given) {
  const std::uint64_t most = parse_bytes(given);
  if (most < 1 || most > kMaxInlineBodyBytes) throw bad_value(given, "not from 1 byte to 64M");
  return most;
}

}  // namespace spoolmq::adapters
