#include "adapters/passcode_checks.h"

#include <algorithm>
#include <utility>

#include "adapters/passcode_hash.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

// Neither an address nor a login's name has a line's end in it.
std::string both_of(const Login& login) { return login.address + '\n' + login.name; }

}  // namespace

PasscodeChecks::PasscodeChecks(std::string file, const Clock& clock)
    : clock_(clock),
      file_(std::move(file)),
      checking_([this](const std::stop_token& stop) { work(stop); }) {}

PasscodeChecks::~PasscodeChecks() {
  checking_.request_stop();
  checking_.join();
}

std::uint64_t PasscodeChecks::ask(Login login) {
  const std::uint64_t ticket = ++last_ticket_;
  const std::lock_guard lock(mutex_);
  if (waiting_.size() >= kMostWaiting) {
    answers_.push_back({ticket, LoginOutcome::kBusy, 0});
    bell_.ring();
    return ticket;
  }
  waiting_.push_back({ticket, std::move(login)});
  changed_.notify_one();
  return ticket;
}

std::vector<LoginAnswer> PasscodeChecks::take_answers() {
  bell_.silence();
  const std::lock_guard lock(mutex_);
  return std::exchange(answers_, {});
}

// ---- The checking thread

void PasscodeChecks::work(const std::stop_token& stop) {
  while (true) {
    Waiting one;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [this] { return !waiting_.empty(); })) return;
      if (stop.stop_requested()) return;
      one = std::move(waiting_.front());
      waiting_.pop_front();
    }
    const LoginAnswer answer = check(one);
    const std::lock_guard lock(mutex_);
    answers_.push_back(answer);
    bell_.ring();
  }
}

LoginAnswer PasscodeChecks::check(const Waiting& one) {
  const std::int64_t now_ms = clock_.boot_ms();
  const Login& login = one.login;
  const std::int64_t left_ms = std::max(per_address_.left_ms(login.address, now_ms),
                                        per_both_.left_ms(both_of(login), now_ms));
  if (left_ms > 0) return {one.ticket, LoginOutcome::kLimited, left_ms};
  try {
    const LoginOutcome outcome = prove(login, now_ms);
    last_refusal_.clear();
    if (outcome == LoginOutcome::kLimited) {
      return {one.ticket, outcome, per_name_.left_ms(login.name, now_ms)};
    }
    if (outcome == LoginOutcome::kWrong) note_failure(login, now_ms);
    return {one.ticket, outcome, 0};
  } catch (const std::exception& error) {
    if (last_refusal_ != error.what()) log::error("nobody can log in", {{"why", error.what()}});
    last_refusal_ = error.what();
    return {one.ticket, LoginOutcome::kUnavailable, 0};
  }
}

LoginOutcome PasscodeChecks::prove(const Login& login, std::int64_t now_ms) {
  const PasswordHashes& hashes = file_.hashes();
  const auto found = hashes.find(login.name);
  const bool is_known = found != hashes.end();
  const bool is_usable = login.passcode.is_usable();
  if (is_known && is_usable && proved_.has(login.name, login.passcode, found->second, now_ms)) {
    return LoginOutcome::kProved;
  }
  if (per_name_.left_ms(login.name, now_ms) > 0) return LoginOutcome::kLimited;
  hashes_.fetch_add(1, std::memory_order_relaxed);
  const bool is_right = is_passcode(login.passcode, is_known ? found->second : nobody(hashes));
  if (!is_known || !is_right || !is_usable) return LoginOutcome::kWrong;
  proved_.add(login.name, login.passcode, found->second, now_ms);
  return LoginOutcome::kProved;
}

const std::string& PasscodeChecks::nobody(const PasswordHashes& hashes) {
  if (!hashes.empty()) {
    nobody_ = hash_of_nobody(hashes.begin()->second);
  } else if (nobody_.empty()) {
    nobody_ = hash_of_nobody(hash_passcode(Secret("nobody")));
  }
  return nobody_;
}

void PasscodeChecks::note_failure(const Login& login, std::int64_t now_ms) {
  per_address_.note_failure(login.address, now_ms);
  per_name_.note_failure(login.name, now_ms);
  per_both_.note_failure(both_of(login), now_ms);
}

}  // namespace spoolmq::adapters
