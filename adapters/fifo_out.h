#pragma once
// Messages to whoever reads a FIFO (PROTOCOL.md, "FIFOs"). Nothing is leased while nobody reads.
// A message is acknowledged when the reader has read the last byte of it: what is still in the pipe
// when the reader dies goes to the next one. With a second FIFO the reader says so itself.
// Not thread-safe, but for interrupt().

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/fifo_file.h"
#include "adapters/fifo_input.h"
#include "adapters/fifo_settings.h"
#include "adapters/frame_codec.h"
#include "adapters/outflow.h"
#include "adapters/polled_adapter.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

class FifoOut final : public PolledAdapter {
 public:
  // Opens the queue. Throws Error.
  FifoOut(const std::string& queue, FifoSettings settings, AdapterPlace place);
  // Ends no message in its middle, if its reader takes it within a second.
  ~FifoOut() override;

 private:
  struct OnItsWay {
    MessageId id;
    std::uint64_t begin = 0;  // its frame's place in the stream
    std::uint64_t end = 0;
  };

  Step step() override;
  void gather(std::vector<pollfd>& waited) override;

  bool find_reader();
  bool open_answers_and_find_reader();
  void look_at_paths();
  bool leave();  // true: the reader has gone, and the FIFO is as it was before
  void forget_stream();
  void close(std::string_view why);
  [[nodiscard]] bool is_reader_there() const;

  void fill();
  void write_on();  // as much as is taken
  [[nodiscard]] std::size_t rest() const { return bytes_.size() - written_; }
  [[nodiscard]] std::uint64_t sent() const { return queued_ - rest(); }  // bytes of the stream
  void settle_read();
  bool settle_answered();  // false: the reader has closed its answers
  bool take_answers();
  void take_answer(std::string_view line);
  void refuse_late_answer();
  void end_frame();

  const FifoSettings settings_;
  const AdapterPlace place_;
  Queue queue_;

  std::optional<FifoFile> file_;
  std::optional<FifoFile> answers_file_;
  std::optional<FifoInput> answers_;  // with `answers`, from before the reader is there
  std::optional<FrameReader> answer_lines_;
  Descriptor end_;  // of the FIFO; while outflow_ is there, somebody reads

  // Of one reader:
  std::optional<Outflow> outflow_;
  std::string bytes_;  // of the stream: written_ of them are written, the rest is to be
  std::size_t written_ = 0;
  std::uint64_t queued_ = 0;  // bytes of the stream, all
  std::deque<OnItsWay> on_its_way_;
  std::int64_t first_since_boot_ms_ = 0;  // the first of them waits for its answer
  std::int64_t look_after_ms_ = 1;        // for what was read

  std::int64_t look_boot_ms_ = 0;  // at the paths again
  bool told_of_before_ = false;
};

}  // namespace spoolmq::adapters
