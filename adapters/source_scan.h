#pragma once
// A look at every file of a directory tree, in slices: a directory of 200,000 files takes many
// steps, each short. Names come in no order; "." files and everything else is shown.
// Throws Error where the top directory cannot be read; below it, what cannot be read is left out.
// Not thread-safe.

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "adapters/source_tree.h"
#include "core/file_system.h"

namespace spoolmq::adapters {

class SourceScan {
 public:
  // Subdirectories to `depth` levels; those that `enters` refuses are not entered.
  using Enters = std::function<bool(const std::string& relative)>;
  SourceScan(SourceTree& tree, std::size_t depth, Enters enters);

  // `relative` is no directory; its status is of the link where it is one.
  using Visit = std::function<void(const std::string& relative, const FileStatus& status)>;
  // Looks at `most` entries at most; false: that was all.
  bool step(std::size_t most, const Visit& visit);

 private:
  struct Level {
    std::string relative;
    std::vector<std::string> names;
    std::size_t next = 0;
  };
  void begin(std::string relative);

  SourceTree& tree_;
  const std::size_t depth_;
  const Enters enters_;
  std::vector<Level> levels_;  // from the top down to where the look is
};

}  // namespace spoolmq::adapters
