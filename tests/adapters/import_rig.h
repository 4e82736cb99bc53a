#pragma once
// One import session on a DirectoryWorld, given its turns by hand: with side directories of any
// shape, and hooks between its steps (hooked_dir.h).

#include <memory>
#include <optional>
#include <string>

#include "adapters/import_session.h"
#include "tests/adapters/directory_world.h"
#include "tests/adapters/hooked_dir.h"

namespace spoolmq::adapters::test {

// in/ as the import's directory; done and errors of the settings as templates below done/ and
// errors/ unless they are relative to in/.
struct Sides {
  std::string done;    // a template below the world's done/
  std::string errors;  // likewise; "none": there is no errors directory
  std::string inside;  // both are directories of this name and ".errors" below in/
};

class ImportRig {
 public:
  ImportRig(DirectoryWorld& world, ImportSettings settings, const Sides& sides = {});

  Adapter::Turn turn() { return session_->turn(); }
  // Turns until it is idle, the clock going to where the next is due; more than `most`: a failure.
  ImportReport run(std::size_t most = 10'000);
  // A look at everything, then as above.
  ImportReport look();
  void hint(watcher::Hint::Kind kind, const std::string& name) { session_->hint({kind, name}); }
  ImportSession& session() { return *session_; }
  ImportReport report() const { return session_->report(); }
  Hooks hooks;
  std::vector<std::string> imported;  // paths, in order
  std::vector<std::string> refused;

 private:
  DirectoryWorld& world_;
  const ImportSettings settings_;
  HookedDir source_;
  std::optional<SideDirectory> done_;
  std::optional<SideDirectory> errors_;
  IdentityDatabase database_;
  ImportIdentity identity_;
  SourceTree tree_;
  std::optional<ImportSession> session_;
};

}  // namespace spoolmq::adapters::test
