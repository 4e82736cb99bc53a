#pragma once
// The permission bits and the group that exported files get.

#include <cstdint>
#include <optional>

#include "adapters/export_settings.h"
#include "core/file_system.h"

namespace spoolmq::adapters {

struct ExportAccess {
  std::uint32_t mode = 0;
  std::optional<std::uint32_t> gid;  // none: the directory's or the process's

  // Throws Error(kUsage) where there is no such group.
  static ExportAccess of(const ExportSettings& settings);
  // The bits to create a file with: until it has its group, nobody else reads it.
  [[nodiscard]] std::uint32_t first_mode() const;
  // Throws Error(kPermission) where the process may not give files to that group.
  void give(File& file) const;
};

}  // namespace spoolmq::adapters
