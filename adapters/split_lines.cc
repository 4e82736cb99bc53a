#include <utility>

#include "adapters/piece_reader.h"
#include "adapters/split_kinds.h"

namespace spoolmq::adapters {
namespace {

class LineSplitter final : public Splitter {
 public:
  LineSplitter(std::size_t limit, BodySource source)
      : limit_(limit), reader_(std::move(source), kept_bytes(limit)) {}

  std::optional<SplitRecord> next() override {
    while (!reader_.at_end()) {
      reader_.begin_piece();
      const std::size_t end = reader_.take_through('\n') ? line_end_bytes() : 0;
      const std::uint64_t length = reader_.piece_size() - end;
      if (length > limit_) return reader_.bad_record(too_long(limit_), end);
      if (length > 0) return reader_.good_record(end);
    }
    return std::nullopt;
  }

 private:
  // A line too long to be kept whole is bad either way.
  std::size_t line_end_bytes() { return reader_.piece().ends_with("\r\n") ? 2 : 1; }

  std::size_t limit_;
  PieceReader reader_;
};

}  // namespace

std::unique_ptr<Splitter> make_line_splitter(std::size_t max_record_bytes, BodySource source) {
  return std::make_unique<LineSplitter>(max_record_bytes, std::move(source));
}

}  // namespace spoolmq::adapters
