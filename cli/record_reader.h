#pragma once
// Cuts an input into records at an end byte; the last record may lack it. At most `limit` bytes of
// a record, and one read more, are in memory. Not thread-safe.
//
//   while (true) switch (reader.next(record, Patience::kWait)) …

#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace spoolmq::cli {

enum class Patience : std::uint8_t { kWait, kNoWait };

enum class Next : std::uint8_t {
  kRecord,  // a whole record of at most `limit` bytes
  kLong,    // the start of a longer one; read_rest() until 0 gives the others
  kNotYet,  // kNoWait only: whoever writes has not finished the next record
  kEnd,
};

class RecordReader {
 public:
  struct Source {
    std::function<std::size_t(std::span<char>)> read;  // 0 at the end
    std::function<bool()> would_wait;
  };
  RecordReader(Source source, char end, std::size_t limit);

  Next next(std::string& record, Patience patience);
  // The bytes put into `into`; 0 where the long record ends. Must get there before next() again.
  std::size_t read_rest(std::span<char> into);

 private:
  void fill();
  void drop(std::size_t count);

  Source source_;
  char end_;
  std::size_t limit_;
  std::string buffer_;
  std::size_t start_ = 0;     // what is before it was handed out
  std::size_t searched_ = 0;  // no end byte between start_ and here
  bool ended_ = false;        // the source
  bool in_long_ = false;
};

}  // namespace spoolmq::cli
