#pragma once
// Runs a workload on an image of its own, turns the power off at one of its calls, and says what is
// there after the remount. The processes of a workload are one process group: it ends as a whole.
// Not thread-safe.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/crash/powercut_image.h"
#include "tests/crash/powercut_ledger.h"

namespace powercut {

struct Cut {
  long at = 0;  // 0: when the process has ended
  bool before = false;
  bool linger = false;     // the processes live on, on a file system that answers with errors
  std::string eager = {};  // what reaches the disk unasked; see the shim for it and the next two
  std::string swallow = {};
  bool dull = false;
};

// A file system as it was left, and what had been promised by then.
struct Base {
  Base(const FileSystem& kind, const std::string& name);
  ~Base();
  Base(const Base&) = delete;
  Base& operator=(const Base&) = delete;
  Image image;
  const std::filesystem::path ledger;
  std::string where = {};  // it was cut, if it was
};

struct Outcome {
  std::string where;               // the call that was the last
  std::vector<std::string> calls;  // "function subject", each
  std::vector<std::string> told;   // by the processes, to their ledger
  bool dull = false;               // unsynced bytes survived
  bool is_canary_void = false;     // somebody else synced while it was left
  int fell = 0;                    // the signal that ended the process
  Verdict verdict;
};

class Rig {
 public:
  Rig(std::string workload, std::string shim);

  std::unique_ptr<Base> prepare(const FileSystem& kind, const std::string& scenario);
  // Another base: what the cut left of `base`, not yet mounted again.
  std::unique_ptr<Base> after_cut(const Base& base, const std::string& scenario, const Cut& cut);
  Outcome cut(const Base& base, const std::string& scenario, const Cut& cut);

 private:
  struct Ended {
    int code = 0;       // of the exit; kSignals + the signal that ended it
    bool late = false;  // it was ended, for it took too long
  };
  Outcome run_and_cut(Base& base, const std::string& scenario, const Cut& cut);
  // A process of its own on a boot of its own.
  Ended run(const std::string& what, const std::string& scenario,
            const std::filesystem::path& ledger, const Cut& cut);
  const Image& empty(const FileSystem& kind);

  const std::string workload_;
  const std::string shim_;
  std::vector<std::unique_ptr<Image>> empty_;
  unsigned boots_ = 0;
  unsigned bases_ = 0;
};

// A file beside the images.
std::filesystem::path scratch(const std::string& name);
std::vector<std::string> lines_of(const std::filesystem::path& path);

}  // namespace powercut
