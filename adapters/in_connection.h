#pragma once
// One connection of a socket-in: its frames on their way in, and the answers on their way out.
// Belongs to one thread; nothing here blocks.
//
//   kHandshake ──▶ kOpen ──the peer ended──────▶ kAnswering ──all answers written──────▶ kOver
//       │            └───its stream is broken──▶ kAnswering ──all answers written──▶ kLingering
//       └──refused──▶ kLingering
//   kLingering: our side is shut, what still comes is thrown away, for a bounded time and number of
//   bytes, so that the peer reads the answer instead of a reset. Then kOver.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "adapters/frame_codec.h"
#include "adapters/peer.h"
#include "adapters/poll_set.h"
#include "adapters/socket_in_settings.h"
#include "adapters/stream.h"
#include "spoolmq/message.h"

namespace spoolmq::adapters {

class InConnection {
 public:
  // How its owner takes what it finds.
  struct Taking {
    std::function<bool()> has_room;  // for one more message
    std::function<void(Message message)> put;
    std::function<void(const std::string& why)> refused;  // a frame, or all that would come
    std::span<char> buffer;                               // for one read
    std::int64_t now_boot_ms;
  };
  // The settings outlive it.
  InConnection(std::unique_ptr<Stream> stream, Peer peer, const SocketInSettings& settings,
               std::int64_t now_boot_ms);

  // Something may be read or written: as far as it goes, but one piece of what there is to read.
  void advance(const Taking& taking);
  // Of the oldest message that was put and not answered.
  void answer(const std::string& line);
  void write_answers(std::int64_t now_boot_ms);
  // What is whole is taken, the rest is refused with `again`.
  void refuse_for_memory(const Taking& taking);
  // After an advance(): another one gets further without anything new from the peer.
  [[nodiscard]] bool has_more() const;
  // No time passes for a peer that we kept waiting.
  void restart_times(std::int64_t now_boot_ms);
  // At this time it is over, or lingers, if nothing happens before. INT64_MAX: never.
  [[nodiscard]] std::int64_t deadline_boot_ms() const;
  void expire(const Taking& taking);

  [[nodiscard]] bool is_over() const { return state_ == State::kOver; }
  [[nodiscard]] std::uint32_t events() const;
  [[nodiscard]] const Stream& stream() const { return *stream_; }
  [[nodiscard]] const Peer& peer() const { return peer_; }
  [[nodiscard]] std::size_t buffered_bytes() const { return reader_.buffered_bytes(); }
  // Whole messages may be here that were read and not taken yet.
  [[nodiscard]] bool has_frames() const { return has_frames_; }
  PollSet::Place place;
  bool is_ready = false;  // among those that the owner is to advance

 private:
  enum class State : std::uint8_t { kHandshake, kOpen, kAnswering, kLingering, kOver };
  void shake_hands(const Taking& taking);
  void read(const Taking& taking);
  void take_frames(const Taking& taking);
  void put(const Taking& taking, std::string body);
  void end(const Taking& taking);
  void break_off(const Taking& taking, const std::string& answer, const std::string& why);
  void drop(const Taking& taking);
  void finish(std::int64_t now_boot_ms);
  void linger(std::int64_t now_boot_ms);
  void discard(const Taking& taking);
  [[nodiscard]] bool reads() const;
  [[nodiscard]] std::size_t unwritten() const { return answers_.size() - written_; }

  const SocketInSettings& settings_;
  const std::unique_ptr<Stream> stream_;
  const Peer peer_;
  Message stamp_;  // what every message of this peer has
  FrameReader reader_;
  State state_ = State::kHandshake;
  bool may_read_ = true;     // as far as is known
  bool has_frames_ = false;  // the reader may have whole ones
  bool peer_ended_ = false;
  bool lingers_ = false;             // after the answers
  std::deque<std::string> waiting_;  // answers in the order of frames; empty: not known yet
  std::string answers_;              // on their way
  std::size_t written_ = 0;          // of answers_
  std::size_t discarded_ = 0;
  std::int64_t since_boot_ms_;            // something came or went; the state began
  std::int64_t frame_since_boot_ms_ = 0;  // the unfinished frame began; 0: there is none
};

}  // namespace spoolmq::adapters
