// queue.toml: refused by an Error, or read, written and read again as the same.

#include "spoolmq/settings.h"
#include "tests/fuzz/target.h"

namespace spoolmq::fuzz {

void settings(std::string_view input) {
  Settings read;
  if (!is_refused([&] { read = parse_settings(input, "queue.toml"); })) {
    SPOOLMQ_CHECK(parse_settings(format_settings(read), "queue.toml") == read);
  }
  const std::size_t cut = input.find('=');
  if (cut == std::string_view::npos) return;
  Settings one;
  if (!is_refused([&] { set_setting(one, input.substr(0, cut), input.substr(cut + 1)); })) {
    SPOOLMQ_CHECK(parse_settings(format_settings(one), "queue.toml") == one);
    Settings again;
    for (const auto& [key, value] : settings_as_text(one)) set_setting(again, key, value);
    SPOOLMQ_CHECK(again == one);
  }
}

}  // namespace spoolmq::fuzz
