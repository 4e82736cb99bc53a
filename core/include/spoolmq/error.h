#pragma once
// What a refusal looks like: one code (its value is the command line's exit code), what was tried,
// on what, and why. Thrown when the world refuses; expected outcomes are return values instead.

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace spoolmq {

enum class ErrorCode : std::uint8_t {
  kLeaseLost = 3,       // the receipt names no running lease
  kUsage = 64,          // the call itself is wrong
  kBadData = 65,        // what was handed over breaks a format, a limit or the queue's check
  kNotFound = 66,       // no such queue, message or file
  kUnavailable = 69,    // the peer cannot be reached
  kInternal = 70,       // a bug of ours
  kOsResource = 71,     // the system is out of something that is not disk space
  kCannotCreate = 73,   // exists already, or cannot be made
  kIo = 74,             // an I/O error, or the outcome is unknown
  kTryAgain = 75,       // nothing was accepted; the same call may be repeated without a duplicate
  kPermission = 77,     // not allowed
  kConfiguration = 78,  // settings, or the place they apply to, cannot be used
};

class Error : public std::runtime_error {
 public:
  // `operation` is a verb phrase ("send"), `subject` what it was done to (a queue, a path).
  Error(ErrorCode code, std::string_view operation, std::string_view subject, std::string_view why);

  // From an errno value; the code follows from it (ENOSPC and EDQUOT give kTryAgain, EACCES, EPERM
  // and EROFS kPermission, ENOENT kNotFound, EMFILE, ENFILE and ENOMEM kOsResource, others kIo).
  static Error from_errno(int error_number, std::string_view operation, std::string_view subject);
  // The same words, told as kIo: what was tried may have happened all the same.
  [[nodiscard]] Error of_unknown_outcome() const;

  [[nodiscard]] ErrorCode code() const { return code_; }
  [[nodiscard]] int error_number() const { return error_number_; }  // 0 where no errno was at hand
  [[nodiscard]] const std::string& operation() const { return operation_; }
  [[nodiscard]] const std::string& subject() const { return subject_; }
  [[nodiscard]] const std::string& why() const { return why_; }

 private:
  Error(ErrorCode code, int error_number, std::string_view operation, std::string_view subject,
        std::string_view why);

  ErrorCode code_;
  int error_number_ = 0;
  std::string operation_;
  std::string subject_;
  std::string why_;
};

}  // namespace spoolmq
