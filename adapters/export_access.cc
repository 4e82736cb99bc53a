#include "adapters/export_access.h"

#include <charconv>
#include <fstream>
#include <string>

#include "adapters/account_names.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::uint32_t kDefaultMode = 0644;
constexpr std::uint32_t kUsualUmask = 022;
constexpr std::uint32_t kOwnerBits = 0700;

// proc(5): umask(2) itself can only be asked by changing it under the other threads.
std::uint32_t process_umask() {
  std::ifstream status("/proc/self/status");
  constexpr std::string_view kField = "Umask:\t";
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with(kField)) continue;
    std::uint32_t mask = kUsualUmask;
    std::from_chars(line.data() + kField.size(), line.data() + line.size(), mask, 8);
    return mask;
  }
  return kUsualUmask;
}

std::uint32_t group_of(const std::string& text) {
  if (const auto number = account_number(text)) return *number;
  if (const auto group = group_of_name(text)) return *group;
  throw Error(ErrorCode::kUsage, "export", "group " + text, "there is no such group");
}

}  // namespace

ExportAccess ExportAccess::of(const ExportSettings& settings) {
  ExportAccess access;
  access.mode = settings.mode.value_or(kDefaultMode & ~process_umask());
  if (!settings.group.empty()) access.gid = group_of(settings.group);
  return access;
}

std::uint32_t ExportAccess::first_mode() const { return gid ? mode & kOwnerBits : mode; }

void ExportAccess::give(File& file) const {
  if (!gid) return;
  file.set_owner(file.status().uid, *gid);
  file.set_mode(mode);  // chown(2) takes the set-id bits away
}

}  // namespace spoolmq::adapters
