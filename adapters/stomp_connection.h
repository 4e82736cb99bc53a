#pragma once
// One connection of the STOMP server: bytes in and out of its session, its heart-beats and its
// deadlines. Belongs to one thread; nothing here blocks.
//
//   kHandshake ──▶ kOpen ──the session is over, or the client has ended──▶ kFinishing ──▶
//   kLingering kFinishing: what is in the output is written. kLingering: our side is shut and what
//   still comes is thrown away for a while, so that the client reads an ERROR instead of a reset.
//   Then kOver.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "adapters/peer.h"
#include "adapters/poll_set.h"
#include "adapters/stomp_codec.h"
#include "adapters/stomp_output.h"
#include "adapters/stomp_server_settings.h"
#include "adapters/stomp_session.h"
#include "adapters/stream.h"
#include "core/clock.h"

namespace spoolmq::adapters {

class StompConnection {
 public:
  // The references outlive it.
  StompConnection(std::uint64_t token, std::unique_ptr<Stream> stream, Peer peer,
                  const StompServerSettings& settings, Access& access, const Clock& clock,
                  StompBackend& backend);
  ~StompConnection();  // leases go back
  StompConnection(const StompConnection&) = delete;
  StompConnection& operator=(const StompConnection&) = delete;

  // Something may be read: one piece of it, and the frames that are whole.
  void advance(std::span<char> buffer);
  // The output, as far as it goes; the end, where that was all.
  void write();
  // After an advance(): another one gets further without anything new from the client.
  [[nodiscard]] bool has_more() const;
  // At this time expire() has something to do. INT64_MAX: never.
  [[nodiscard]] std::int64_t deadline_boot_ms() const;
  void expire();
  // It is the one too many that keeps unfinished frames in memory.
  void refuse_for_memory();

  [[nodiscard]] StompSession& session() { return session_; }
  [[nodiscard]] bool is_over() const { return state_ == State::kOver; }
  [[nodiscard]] std::uint32_t events() const;
  [[nodiscard]] int descriptor() const { return stream_->descriptor(); }
  [[nodiscard]] const Peer& peer() const { return session_.who().peer; }
  [[nodiscard]] std::size_t buffered_bytes() const { return decoder_.buffered_bytes(); }
  // Why it ended before its time; empty: it did not.
  [[nodiscard]] const std::string& why() const { return why_; }

  PollSet::Place place;
  bool is_ready = false;    // among those that the owner is to advance
  bool is_touched = false;  // among those that the owner is to write to

 private:
  enum class State : std::uint8_t { kHandshake, kOpen, kFinishing, kLingering, kOver };
  void shake_hands();
  void read(std::span<char> buffer);
  void take_frames();
  void discard(std::span<char> buffer);
  void break_off(std::string why);
  void look_whether_over();
  void finish();
  void enter(State state);
  [[nodiscard]] bool reads() const;
  [[nodiscard]] std::int64_t now_ms() const { return clock_.boot_ms(); }
  [[nodiscard]] std::int64_t beat_due_ms() const;     // ours
  [[nodiscard]] std::int64_t silence_due_ms() const;  // the client's
  [[nodiscard]] std::int64_t frame_due_ms() const;

  const std::unique_ptr<Stream> stream_;
  const StompServerSettings& settings_;
  const Clock& clock_;
  StompOutput output_;
  StompDecoder decoder_;
  StompSession session_;
  State state_ = State::kHandshake;
  bool may_read_ = true;     // as far as is known
  bool has_frames_ = false;  // the decoder may have whole ones
  bool peer_ended_ = false;
  bool has_version_ = false;  // the decoder
  std::size_t discarded_ = 0;
  std::int64_t since_ms_;            // boot: the state began, or in kFinishing something went
  std::int64_t heard_ms_;            // something came, or it was we who did not listen
  std::int64_t said_ms_;             // something went
  std::int64_t frame_since_ms_ = 0;  // the unfinished frame began; 0: there is none
  std::string why_;
};

}  // namespace spoolmq::adapters
