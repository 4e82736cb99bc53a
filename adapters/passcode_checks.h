#pragma once
// Checks logins on a thread of its own, one after the other, since each costs tens of milliseconds
// of CPU: whoever asks goes on meanwhile and is rung when answers are there.
//   ticket = checks.ask({…}); poll(checks.descriptor(), …); for (answer : checks.take_answers()) …
// A name that nobody has costs as much as a wrong passcode. Failures are borne within limits, per
// address, per name, and of both together (so that one program with an old passcode does not shut
// out its neighbours); beyond them nothing is looked at, a right passcode as little as a wrong one.
// Passcodes that were right a short time ago are known by proved_passcodes.h, also of a name whose
// limit others have used up. The file is looked at before each check.
// Threads: all calls from one thread; the checking one is inside.

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "adapters/bell.h"
#include "adapters/failure_limit.h"
#include "adapters/password_file.h"
#include "adapters/proved_passcodes.h"
#include "adapters/secret.h"
#include "core/clock.h"

namespace spoolmq::adapters {

struct Login {
  std::string name;  // as it was given; nothing is known about it
  Secret passcode;
  std::string address;  // without a port: Peer::name, or "uid 1000" of a Unix socket's
};

enum class LoginOutcome : std::uint8_t {
  kProved,
  kWrong,        // the name or the passcode: which of them is not told
  kLimited,      // too many failures from there or of that name
  kBusy,         // too many checks wait
  kUnavailable,  // the file cannot be used; the log says why
};

struct LoginAnswer {
  std::uint64_t ticket = 0;
  LoginOutcome outcome = LoginOutcome::kWrong;
  std::int64_t left_ms = 0;  // kLimited: until it may be tried again
};

class PasscodeChecks {
 public:
  static constexpr std::size_t kMostWaiting = 4096;
  static constexpr FailureLimit::Rules kPerAddress{60, 1000, 4096};
  static constexpr FailureLimit::Rules kPerName{30, 2000, 4096};
  static constexpr FailureLimit::Rules kPerBoth{10, 6000, 4096};

  // Throws Error(kConfiguration) where the file cannot be used now.
  PasscodeChecks(std::string file, const Clock& clock);
  ~PasscodeChecks();
  PasscodeChecks(const PasscodeChecks&) = delete;
  PasscodeChecks& operator=(const PasscodeChecks&) = delete;

  // Each is answered once.
  std::uint64_t ask(Login login);
  // Readable: there are answers.
  [[nodiscard]] int descriptor() const { return bell_.descriptor(); }
  std::vector<LoginAnswer> take_answers();

  // How often a passcode was hashed.
  [[nodiscard]] std::uint64_t hashes() const { return hashes_; }

 private:
  struct Waiting {
    std::uint64_t ticket = 0;
    Login login;
  };
  void work(const std::stop_token& stop);
  LoginAnswer check(const Waiting& one);
  LoginOutcome prove(const Login& login, std::int64_t now_ms);
  const std::string& nobody(const PasswordHashes& hashes);
  void note_failure(const Login& login, std::int64_t now_ms);

  const Clock& clock_;
  Bell bell_;
  std::uint64_t last_ticket_ = 0;

  // Of the checking thread.
  PasswordFile file_;
  FailureLimit per_address_{kPerAddress};
  FailureLimit per_name_{kPerName};
  FailureLimit per_both_{kPerBoth};
  ProvedPasscodes proved_;
  std::string nobody_;        // see hash_of_nobody()
  std::string last_refusal_;  // of the file, said once

  std::atomic<std::uint64_t> hashes_{0};
  std::mutex mutex_;  // guards the next three
  std::condition_variable_any changed_;
  std::deque<Waiting> waiting_;
  std::vector<LoginAnswer> answers_;
  std::jthread checking_;  // last: it uses the others
};

}  // namespace spoolmq::adapters
