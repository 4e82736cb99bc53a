#include "core/units.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace spoolmq {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

// Largest first.
constexpr std::array<Unit, 5> kDurationUnits{{
    {"d", 86'400'000},
    {"h", 3'600'000},
    {"m", 60'000},
    {"s", 1'000},
    {"ms", 1},
}};
constexpr std::array<Unit, 5> kSizeUnits{{
    {"T", std::int64_t{1} << 40},
    {"G", std::int64_t{1} << 30},
    {"M", std::int64_t{1} << 20},
    {"K", std::int64_t{1} << 10},
    {"", 1},
}};

constexpr std::int64_t kMsPerDay = 86'400'000;

// The whole text, decimal digits only.
std::optional<std::int64_t> parse_digits(std::string_view text) {
  if (text.empty() || text.front() == '-') return std::nullopt;
  return parse_integer(text);
}

template <std::size_t N>
std::optional<std::int64_t> parse_with_unit(std::string_view text,
                                            const std::array<Unit, N>& units) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto count = parse_digits(text.substr(0, digits));
  if (!count) return std::nullopt;
  for (const Unit& unit : units) {
    if (unit.name != text.substr(digits)) continue;
    std::int64_t total = 0;
    if (__builtin_mul_overflow(*count, unit.factor, &total)) return std::nullopt;
    return total;
  }
  return std::nullopt;
}

template <std::size_t N>
std::string format_with_unit(std::int64_t total, const std::array<Unit, N>& units) {
  if (total == 0) return "0";
  for (const Unit& unit : units) {
    if (total % unit.factor == 0) {
      return std::to_string(total / unit.factor).append(unit.name);
    }
  }
  return std::to_string(total);  // not reached: every list ends with factor 1
}

// Days since the epoch of a date of the proleptic Gregorian calendar, and back. The year begins in
// March, so that the leap day is its last; eras are of 400 years (146,097 days).
struct Date {
  std::int64_t year = 1970;
  std::int64_t month = 1;
  std::int64_t day = 1;
};

constexpr std::int64_t kDaysPerEra = 146'097;
constexpr std::int64_t kEpochDay = 719'468;  // 1970-01-01, counted from 0000-03-01

constexpr std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

constexpr std::int64_t days_of(const Date& date) {
  const std::int64_t year = date.month <= 2 ? date.year - 1 : date.year;
  const std::int64_t era = floor_div(year, 400);
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t day_of_year = (153 * ((date.month + 9) % 12) + 2) / 5 + date.day - 1;
  return era * kDaysPerEra + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
         kEpochDay;
}

constexpr Date date_of(std::int64_t days) {
  days += kEpochDay;
  const std::int64_t era = floor_div(days, kDaysPerEra);
  const std::int64_t day_of_era = days - era * kDaysPerEra;
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t month_from_march = (5 * day_of_year + 2) / 153;
  const std::int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  return {.year = era * 400 + year_of_era + (month <= 2 ? 1 : 0),
          .month = month,
          .day = day_of_year - (153 * month_from_march + 2) / 5 + 1};
}

// Appends `value`, not negative, with zeros in front up to `width`.
void append_padded(std::string& text, std::int64_t value, std::size_t width) {
  const std::string digits = std::to_string(value);
  if (digits.size() < width) text.append(width - digits.size(), '0');
  text += digits;
}

// Takes text apart from the left; anything unexpected leaves ok() false.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}
  std::int64_t number(std::size_t digits) {
    const auto value = rest_.size() < digits ? std::nullopt : parse_digits(rest_.substr(0, digits));
    ok_ = ok_ && value.has_value();
    if (!ok_) return 0;
    rest_.remove_prefix(digits);
    return *value;
  }
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) { ok_ = take(c) && ok_; }
  [[nodiscard]] std::string_view rest() const { return rest_; }
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  if (text == "0") return std::chrono::milliseconds(0);
  const auto ms = parse_with_unit(text, kDurationUnits);
  if (!ms) return std::nullopt;
  return std::chrono::milliseconds(*ms);
}

std::string format_duration(std::chrono::milliseconds duration) {
  return format_with_unit(duration.count(), kDurationUnits);
}

std::optional<std::int64_t> parse_size(std::string_view text) {
  return parse_with_unit(text, kSizeUnits);
}

std::string format_size(std::int64_t bytes) { return format_with_unit(bytes, kSizeUnits); }

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

// Years outside 0000 to 9999 have a sign and as many digits as they need, so that every value has
// a text of its own (RFC 3339 knows only the others).
std::string format_time(std::int64_t wall_ms) {
  const std::int64_t days = floor_div(wall_ms, kMsPerDay);
  const std::int64_t ms = (wall_ms % kMsPerDay + kMsPerDay) % kMsPerDay;
  const Date date = date_of(days);
  std::string text;
  if (date.year < 0 || date.year > 9999) text += date.year < 0 ? '-' : '+';
  append_padded(text, date.year < 0 ? -date.year : date.year, 4);
  text += '-';
  append_padded(text, date.month, 2);
  text += '-';
  append_padded(text, date.day, 2);
  text += 'T';
  append_padded(text, ms / 3'600'000, 2);
  text += ':';
  append_padded(text, ms / 60'000 % 60, 2);
  text += ':';
  append_padded(text, ms / 1'000 % 60, 2);
  text += '.';
  append_padded(text, ms % 1'000, 3);
  text += 'Z';
  return text;
}

std::optional<std::int64_t> parse_time(std::string_view text) {
  constexpr std::size_t kMaxYearDigits = 9;  // more do not fit 64 bits of milliseconds
  Scanner scan(text);
  const bool negative = scan.take('-');
  const bool with_sign = negative || scan.take('+');
  const std::size_t year_digits = with_sign ? scan.rest().find('-') : 4;
  if (year_digits < 4 || year_digits > kMaxYearDigits) return std::nullopt;
  if (year_digits > 4 && scan.take('0')) return std::nullopt;
  Date date;
  date.year = scan.number(year_digits);
  if (negative) date.year = -date.year;
  scan.expect('-');
  date.month = scan.number(2);
  scan.expect('-');
  date.day = scan.number(2);
  scan.expect('T');
  const std::int64_t hour = scan.number(2);
  scan.expect(':');
  const std::int64_t minute = scan.number(2);
  scan.expect(':');
  const std::int64_t second = scan.number(2);
  const std::int64_t fraction = scan.take('.') ? scan.number(3) : 0;
  scan.expect('Z');
  if (!scan.ok() || !scan.rest().empty() || hour > 23 || minute > 59 || second > 59) {
    return std::nullopt;
  }
  if (date.month < 1 || date.month > 12 || date.day < 1) return std::nullopt;
  const std::int64_t days = days_of(date);
  const Date same = date_of(days);  // differs where the month has no such day
  if (same.month != date.month || same.day != date.day) return std::nullopt;
  // From midnight of the day nearer to the epoch, so that nothing overflows on the way.
  const std::int64_t ms = ((hour * 60 + minute) * 60 + second) * 1'000 + fraction;
  std::int64_t wall_ms = 0;
  if (__builtin_mul_overflow(days < 0 ? days + 1 : days, kMsPerDay, &wall_ms) ||
      __builtin_add_overflow(wall_ms, days < 0 ? ms - kMsPerDay : ms, &wall_ms)) {
    return std::nullopt;
  }
  // A signed year where none is needed is not a form that is written.
  if (with_sign && date.year >= 0 && date.year <= 9999) return std::nullopt;
  return wall_ms;
}

}  // namespace spoolmq
