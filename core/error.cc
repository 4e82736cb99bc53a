#include "spoolmq/error.h"

#include <cerrno>
#include <system_error>

namespace spoolmq {
namespace {

std::string one_line(std::string_view operation, std::string_view subject, std::string_view why) {
  std::string line;
  line.reserve(operation.size() + subject.size() + why.size() + 4);
  line.append(operation).append(": ").append(subject).append(": ").append(why);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return line;
}

ErrorCode code_of(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EAGAIN:
      return ErrorCode::kTryAgain;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::kPermission;
    case ENOENT:
    case ENOTDIR:
      return ErrorCode::kNotFound;
    case EEXIST:
      return ErrorCode::kCannotCreate;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOLCK:
      return ErrorCode::kOsResource;
    default:
      return ErrorCode::kIo;
  }
}

}  // namespace

Error::Error(ErrorCode code, std::string_view operation, std::string_view subject,
             std::string_view why)
    : Error(code, 0, operation, subject, why) {}

Error::Error(ErrorCode code, int error_number, std::string_view operation, std::string_view subject,
             std::string_view why)
    : std::runtime_error(one_line(operation, subject, why)),
      code_(code),
      error_number_(error_number),
      operation_(operation),
      subject_(subject),
      why_(why) {}

Error Error::from_errno(int error_number, std::string_view operation, std::string_view subject) {
  return {code_of(error_number), error_number, operation, subject,
          std::generic_category().message(error_number)};
}

Error Error::of_unknown_outcome() const {
  return {ErrorCode::kIo, error_number_, operation_, subject_, why_};
}

}  // namespace spoolmq
