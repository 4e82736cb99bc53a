#include "adapters/export_access.h"

#include <grp.h>

#include <cerrno>
#include <charconv>
#include <fstream>
#include <string>
#include <vector>

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

std::uint32_t find_group(const std::string& text) {
  std::uint32_t number = 0;
  const char* const end = text.data() + text.size();
  if (const auto parsed = std::from_chars(text.data(), end, number);
      parsed.ec == std::errc() && parsed.ptr == end) {
    return number;
  }
  constexpr std::size_t kMostBytes = 1 << 20;
  group entry{};
  group* found = nullptr;
  for (std::vector<char> buffer(4096); buffer.size() <= kMostBytes;
       buffer.resize(buffer.size() * 2)) {
    const int code = getgrnam_r(text.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (code == ERANGE) continue;
    if (found != nullptr) return found->gr_gid;
    break;
  }
  throw Error(ErrorCode::kUsage, "export", "group " + text, "there is no such group");
}

}  // namespace

ExportAccess ExportAccess::of(const ExportSettings& settings) {
  ExportAccess access;
  access.mode = settings.mode.value_or(kDefaultMode & ~process_umask());
  if (!settings.group.empty()) access.gid = find_group(settings.group);
  return access;
}

std::uint32_t ExportAccess::first_mode() const { return gid ? mode & kOwnerBits : mode; }

void ExportAccess::give(File& file) const {
  if (!gid) return;
  file.set_owner(file.status().uid, *gid);
  file.set_mode(mode);  // chown(2) takes the set-id bits away
}

}  // namespace spoolmq::adapters
