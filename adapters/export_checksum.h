#pragma once
// SHA-256 of bytes that come in pieces, and the line that sha256sum(1) writes of a file and reads
// again with --check. Not thread-safe.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace spoolmq::adapters {

class Sha256 {
 public:
  Sha256();
  void add(std::span<const std::byte> bytes);
  std::string hex();  // 64 digits; ends it

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

// "<digits>  <name>\n"; a name with a backslash or a line end is escaped, and the line then starts
// with a backslash.
std::string sha256sum_line(std::string_view digits, std::string_view name);

}  // namespace spoolmq::adapters
