#pragma once
// What processes ask of whoever holds byte 0: flat combining (Hendler, Incze, Shavit, Tzafrir:
// "Flat combining and the synchronization-parallelism tradeoff", SPAA 2010). Sixteen consumers that
// take turns pay for sixteen transactions, each on pages that another process has just changed;
// here who finds byte 0 taken leaves his request on a page that all share and sleeps on it, and the
// holder carries out what stands there in the transaction it is in. Only what a row or two need is
// asked for: to acknowledge one message, to claim the next, or both.
//
// An accelerator, never the truth: where there is no page, or no place on it is free, everybody
// waits for byte 0 as ever. A place is 128 bytes, the first word of which is a futex:
//   free → filling → posted              by whoever waits
//   posted → taken → answered, declined  by the holder of byte 0: taken before its commit, answered
//                                        after it; declined: do it yourself
//   posted → free, taken → left          by whoever waits no longer; a left one is freed by its
//   taker answered, declined → free            by whoever waited
// Who gets byte 0 himself and finds his request taken knows that its taker was killed, perhaps
// behind its commit: he looks at the index. An acknowledgement may be done twice; a claim is known
// by its token, which he has drawn.
//
// What stands there is data: everything is checked, on a copy, by both sides. Nobody is trusted
// with it who may not write the index itself. It is not durable and need not be. Thread-safe, but
// for what says "byte 0".

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "store/index.h"

namespace spoolmq {

class RequestBoard {
 public:
  static constexpr std::size_t kPlaces = 16;
  static constexpr std::size_t kPlaceBytes = 128;
  static constexpr std::size_t kBytes = kPlaces * kPlaceBytes;

  // kBoth: acknowledges first; whose lease is lost is given no other.
  enum class Kind : std::uint32_t { kClaim = 1, kAcknowledge = 2, kBoth = 3 };
  struct Request {
    Kind kind = Kind::kClaim;
    std::uint32_t slot = 0;  // of the handle that asks
    std::uint64_t incarnation = 0;
    std::uint64_t token = 0;       // of the lease: the one to be given (kClaim), or that runs
    MessageId id;                  // whose lease runs
    std::int64_t lease_ms = 0;     // to be given; 0: the queue's
    std::uint64_t next_token = 0;  // kBoth: of the one to be given

    [[nodiscard]] bool claims() const { return kind != Kind::kAcknowledge; }
    [[nodiscard]] bool acknowledges() const { return kind != Kind::kClaim; }
    [[nodiscard]] std::uint64_t claim_token() const {
      return kind == Kind::kBoth ? next_token : token;
    }
  };
  struct Answer {
    std::uint64_t generation = 0;                // of the index that it was committed to
    LeaseOutcome outcome = LeaseOutcome::kLost;  // where it acknowledges
    // Where it claims.
    MessageId id;  // nil: kBoth found nothing ready, or lost its lease; look for yourself
    Counters counters;
    std::uint32_t flags = 0;  // RowFlags
    Location at;
  };

  // `memory`: kBytes that were zero at first, in whole cache lines; empty: there is no board.
  explicit RequestBoard(std::span<std::byte> memory = {}) : memory_(memory) {
    told_.reserve(kPlaces);
  }

  // One request, of a thread that waits for byte 0.
  class Post {
   public:
    Post(RequestBoard& board, const Request& request) : board_(board), request_(request) {}
    Post(const Post&) = delete;
    Post& operator=(const Post&) = delete;
    ~Post() { take_back(); }

    // Puts it up; then, called again, sleeps until something happens, or for a while. True: there
    // is an answer. Where there is no place for it, or it was declined, sleeps for `pause`.
    bool wait(std::chrono::microseconds pause);
    // It is no longer asked for. True: there is an answer all the same.
    bool end();
    // Its taker has not answered, and may have committed it.
    [[nodiscard]] bool is_unknown() const { return unknown_; }
    [[nodiscard]] const Answer& answer() const { return *answer_; }
    [[nodiscard]] const Request& request() const { return request_; }

   private:
    bool put_up();
    void take_back();

    RequestBoard& board_;
    const Request request_;
    std::optional<std::size_t> place_;
    bool declined_ = false;
    bool unknown_ = false;
    std::optional<Answer> answer_;
  };

  // What the holder of byte 0 has taken from the board for one transaction. What is not told when
  // this ends was not committed, and stands there again.
  class Batch {
   public:
    struct Taken {
      std::size_t place = 0;
      Request request;
      std::optional<Answer> answer;  // none: declined
    };
    explicit Batch(RequestBoard& board) : board_(board) {}
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;
    ~Batch();
    std::span<Taken> take();
    // They are committed; who asked wakes with wake().
    void tell(std::uint64_t generation);

   private:
    RequestBoard& board_;
    std::vector<Taken> taken_;
  };

  // Byte 0 is free again: wakes those who were answered, and one whose request is still up.
  void wake();
  // With byte 0 in hand: the handle of that slot is dead, or new.
  void forget(std::uint32_t slot);

 private:
  std::uint32_t& state(std::size_t place) { return word<std::uint32_t>(place, 0); }
  template <typename Word = std::uint64_t>
  Word& word(std::size_t place, std::size_t at) {
    return *reinterpret_cast<Word*>(memory_.data() + place * kPlaceBytes + at * sizeof(Word));
  }
  std::size_t places() const { return memory_.size() / kPlaceBytes; }
  void write(std::size_t place, const Request& request);
  std::optional<Request> read_request(std::size_t place);
  void write(std::size_t place, const Answer& answer);
  std::optional<Answer> read_answer(std::size_t place);

  const std::span<std::byte> memory_;
  std::vector<std::size_t> told_;  // to be woken; guarded by byte 0's in-process mutex
};

}  // namespace spoolmq
