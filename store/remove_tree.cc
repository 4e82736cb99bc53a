#include "store/remove_tree.h"

#include <cerrno>
#include <vector>

#include "spoolmq/error.h"

namespace spoolmq {
namespace {

constexpr int kMostRemovals = 100;

void empty_tree(Dir& parent, const std::string& name) {
  if (const std::unique_ptr<Dir> dir = parent.open_dir(name)) {
    std::vector<std::string> entries;
    dir->list([&](std::string_view entry) {
      entries.emplace_back(entry);
      return true;
    });
    for (const std::string& entry : entries) {
      const auto status = dir->status(entry);
      if (status && status->kind == FileKind::kDirectory) {
        remove_tree(*dir, entry);
      } else {
        dir->unlink(entry);
      }
    }
  }
}

}  // namespace

// Whoever was about to open the queue may still put a file there, before he learns that it is gone.
void remove_tree(Dir& parent, const std::string& name) {
  for (int tries = 1;; ++tries) {
    empty_tree(parent, name);
    try {
      parent.remove_dir(name);
      return;
    } catch (const Error& error) {
      if (error.error_number() != ENOTEMPTY || tries == kMostRemovals) throw;
    }
  }
}

}  // namespace spoolmq
