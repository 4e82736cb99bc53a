#pragma once
// Messages from whoever writes to a FIFO (PROTOCOL.md, "FIFOs"). With a second FIFO each is
// answered once it is durable; then it is read only while somebody reads the answers.
// Not thread-safe, but for interrupt().

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "adapters/answers_in_order.h"
#include "adapters/fifo_file.h"
#include "adapters/fifo_input.h"
#include "adapters/fifo_settings.h"
#include "adapters/frame_codec.h"
#include "adapters/intake.h"
#include "adapters/polled_adapter.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

class FifoIn final : public PolledAdapter {
 public:
  // Opens the queue. Throws Error.
  FifoIn(const std::string& queue, FifoSettings settings, AdapterPlace place);
  ~FifoIn() override;

 private:
  enum class Progress : std::uint8_t { kWaiting, kMore, kEnded };

  Step step() override;
  void gather(std::vector<pollfd>& waited) override;

  [[nodiscard]] bool is_open() const { return input_.has_value(); }
  void look_at_paths();
  void take_in_rest();  // of a FIFO that has lost its path
  bool open();
  bool open_with_answers();
  void close(std::string_view why);
  void find_reader_of_answers();
  bool write_answers();  // false: nobody reads them any more
  void end_exchange();

  Progress take_in();
  bool take_frames();  // true: the intake is full
  void end_stream();
  void note(Found found, std::string& body);
  void refuse(std::string_view why);
  void break_off();
  void send_on();

  const FifoSettings settings_;
  const AdapterPlace place_;
  Queue queue_;
  Intake intake_;

  std::optional<FifoFile> file_;
  std::optional<FifoFile> answers_file_;
  std::optional<FifoInput> input_;
  std::optional<FrameReader> frames_;

  Descriptor answers_end_;  // closed: nobody reads the answers
  AnswersInOrder answers_;
  bool reader_was_there_ = false;  // of an exchange that is over: not the next one's
  bool ending_ = false;            // the writers have gone; their last answers are being written

  std::int64_t look_boot_ms_ = 0;    // at the paths again
  std::int64_t resume_boot_ms_ = 0;  // of what is broken off
  bool told_of_before_ = false;
};

}  // namespace spoolmq::adapters
