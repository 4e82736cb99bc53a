#pragma once
// The errors directory: what cannot become a message goes there under its own name, with
// NAME.reason beside it, written first so that nobody finds a file without its reason.
// A taken name gets a number. Throws Error. Not thread-safe.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/import_identity.h"
#include "adapters/side_directory.h"
#include "adapters/source_tree.h"
#include "adapters/split.h"
#include "core/clock.h"
#include "core/file_system.h"

namespace spoolmq::adapters {

class ImportRefusals {
 public:
  // `errors` null: nothing can be put aside, and every function answers false.
  ImportRefusals(SourceTree& source, SideDirectory* errors, const Clock& clock);

  [[nodiscard]] bool has_place() const { return errors_ != nullptr; }
  // Renames the file, unless another one has the name by now; durable on return.
  bool move(const std::string& path, const FileIdentity& file, std::string_view why);
  // The source is not to be touched: its bytes are copied. The same bytes under that name already:
  // another attempt left them, nothing is added. Durable on return.
  bool copy(File& file, const std::string& path, std::string_view why);
  // One record of a file, as "stem.record-N.ext". Likewise.
  bool put_record(const std::string& path, const SplitRecord& record, std::string_view why);

 private:
  // The name that is free together with its reason's, which is written; nullopt where `is_there`
  // finds that a file of that name, or of a number, is the one to be put aside. A reason without
  // its file is one that an attempt which was cut short has left, and taken over.
  using IsThere = std::function<bool(const std::string& name)>;
  std::optional<std::string> write_reason(Dir& errors, const std::string& name,
                                          const std::string& text, const IsThere& is_there);
  [[nodiscard]] std::string reason_text(const std::string& path, std::string_view why,
                                        const SplitRecord* record) const;

  SourceTree& source_;
  SideDirectory* const errors_;
  const Clock& clock_;
};

}  // namespace spoolmq::adapters
