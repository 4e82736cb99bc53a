#pragma once
// Bytes that nobody is to see: a passcode. They stand in one place of a fixed size, which is wiped
// when it goes; moving hands the place on and copies nothing. What it was made of is the caller's
// to wipe.

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace spoolmq::adapters {

// crypt(3) takes CRYPT_MAX_PASSPHRASE_SIZE = 512 with its NUL.
inline constexpr std::size_t kMostPasscodeBytes = 511;

class Secret {
 public:
  Secret() = default;
  // Of more than kMostPasscodeBytes none is kept: is_usable() is false then.
  explicit Secret(std::string_view bytes) : place_(std::make_unique<Place>()) {
    for (const char one : bytes) {
      if (!push_back(one)) break;
    }
  }
  Secret(Secret&& other) noexcept = default;
  Secret& operator=(Secret&& other) noexcept = default;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() = default;

  // False: it is too long from now on, or one with a NUL, which crypt(3) cannot tell from shorter.
  bool push_back(char one) {
    if (!place_) place_ = std::make_unique<Place>();
    if (place_->size == kMostPasscodeBytes || one == '\0') place_->is_bad = true;
    if (place_->is_bad) return false;
    place_->bytes[place_->size++] = one;
    return true;
  }
  [[nodiscard]] bool is_usable() const { return place_ && !place_->is_bad && place_->size > 0; }
  // Valid until this object goes; followed by a NUL.
  [[nodiscard]] std::string_view bytes() const {
    return place_ ? std::string_view(place_->bytes.data(), place_->size) : "";
  }

 private:
  struct Place {
    Place() = default;
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { ::explicit_bzero(bytes.data(), bytes.size()); }
    std::array<char, kMostPasscodeBytes + 1> bytes{};
    std::size_t size = 0;
    bool is_bad = false;
  };
  std::unique_ptr<Place> place_;
};

}  // namespace spoolmq::adapters
