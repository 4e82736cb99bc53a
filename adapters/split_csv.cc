#include <cstdint>
#include <string>
#include <utility>

#include "adapters/piece_reader.h"
#include "adapters/split_kinds.h"

namespace spoolmq::adapters {
namespace {

// Where in a row the next byte stands; RFC 4180 section 2.
enum class Place : std::uint8_t {
  kFieldStart,
  kField,
  kQuoted,
  kQuoteInQuoted,  // the closing one, or the first of two
  kCr,
  kFault,  // behind something that must not be: up to the next line end
  kRowEnd,
};

// One row, a byte at a time.
class Row {
 public:
  void step(char c) {
    switch (place_) {
      case Place::kFieldStart:
      case Place::kField:
        if (c == '"' && place_ == Place::kFieldStart) {
          place_ = Place::kQuoted;
        } else if (c == '"') {
          fail("a quote stands in a field that does not begin with one");
        } else if (!delimiter(c)) {
          place_ = Place::kField;
        }
        break;
      case Place::kQuoted:
        if (c == '"') place_ = Place::kQuoteInQuoted;
        break;
      case Place::kQuoteInQuoted:
        if (c == '"') {
          place_ = Place::kQuoted;
        } else if (!delimiter(c)) {
          fail("something follows the closing quote of a field");
        }
        break;
      case Place::kCr:
        if (c == '\n') {
          place_ = Place::kRowEnd;
        } else {
          fail("a CR without LF stands outside quotes");
        }
        break;
      case Place::kFault:
        if (c == '\n') place_ = Place::kRowEnd;
        break;
      case Place::kRowEnd:
        break;
    }
  }

  // Whether it ends where the next line does because nobody knows where it was meant to.
  [[nodiscard]] bool end_is_guessed() const { return end_is_guessed_; }

  // The file ended: a row needs no line end.
  void end() {
    if (place_ == Place::kQuoted) {
      fault_ = "a quote is not closed before the end of the file";
    } else if (place_ == Place::kCr) {
      fault_ = "a CR without LF stands at the end of the file";
    }
  }

  [[nodiscard]] bool ended() const { return place_ == Place::kRowEnd; }
  [[nodiscard]] std::uint64_t fields() const { return fields_; }
  [[nodiscard]] const std::string& fault() const { return fault_; }  // empty: none

 private:
  bool delimiter(char c) {
    if (c == ',') {
      ++fields_;
      place_ = Place::kFieldStart;
    } else if (c == '\n') {
      place_ = Place::kRowEnd;
    } else if (c == '\r') {
      place_ = Place::kCr;
    } else {
      return false;
    }
    return true;
  }

  void fail(std::string why) {
    fault_ = std::move(why);
    place_ = Place::kFault;
    end_is_guessed_ = true;
  }

  Place place_ = Place::kFieldStart;
  std::uint64_t fields_ = 1;
  std::string fault_;
  bool end_is_guessed_ = false;
};

class CsvSplitter final : public Splitter {
 public:
  CsvSplitter(std::size_t limit, BodySource source)
      : limit_(limit), reader_(std::move(source), kept_bytes(limit)) {}

  std::optional<SplitRecord> next() override {
    if (header_line_.empty()) {
      const auto header = read_row();
      if (!header) return std::nullopt;
      const bool fits = reader_.piece_size() <= limit_;
      if (!fits || !header->fault().empty()) {
        const std::string why = header->fault().empty() ? too_long(limit_) : header->fault();
        reader_.take_rest();
        return reader_.bad_record("nothing can be made of the file, for its header line is bad: " +
                                  why);
      }
      header_line_ = reader_.piece();
      header_fields_ = header->fields();
    }
    const auto row = read_row();
    if (!row) return std::nullopt;
    if (row->end_is_guessed()) {
      return reader_.bad_record(row->fault() + "; the next record begins behind the next line end");
    }
    if (!row->fault().empty()) return reader_.bad_record(row->fault());
    if (row->fields() != header_fields_) {
      return reader_.bad_record("it has " + std::to_string(row->fields()) +
                                " fields, the header line has " + std::to_string(header_fields_));
    }
    if (reader_.piece_size() > limit_ - header_line_.size()) {
      return reader_.bad_record(too_long(limit_) + " with the header line");
    }
    SplitRecord made = reader_.good_record();
    made.body.insert(0, header_line_);
    return made;
  }

 private:
  // The next one that is not wholly empty is the piece of the reader.
  std::optional<Row> read_row() {
    while (!reader_.at_end()) {
      reader_.begin_piece();
      Row row;
      while (!row.ended() && !reader_.at_end()) {
        const std::string_view bytes = reader_.window();
        std::size_t taken = 0;
        while (taken < bytes.size() && !row.ended()) row.step(bytes[taken++]);
        reader_.take(taken);
      }
      if (!row.ended()) row.end();
      const bool empty = reader_.piece() == "\n" || reader_.piece() == "\r\n";
      if (!empty) return row;
    }
    return std::nullopt;
  }

  std::size_t limit_;
  PieceReader reader_;
  std::string header_line_;  // with its end
  std::uint64_t header_fields_ = 0;
};

}  // namespace

std::unique_ptr<Splitter> make_csv_splitter(std::size_t max_record_bytes, BodySource source) {
  return std::make_unique<CsvSplitter>(max_record_bytes, std::move(source));
}

}  // namespace spoolmq::adapters
