// Templates and the names they give: a name is one name in one directory, whatever a stranger's
// headers hold. The input is a template, a line end, and the header `name`.

#include "adapters/content_type.h"
#include "adapters/destination_template.h"
#include "adapters/export_name.h"
#include "adapters/path_template.h"
#include "tests/fuzz/target.h"

namespace spoolmq::fuzz {
namespace {

using namespace adapters;

void check_file_name(std::string_view name) {
  SPOOLMQ_CHECK(!name.empty() && name.size() <= kMaxFileNameBytes);
  SPOOLMQ_CHECK(name.front() != '.' && name.find('/') == std::string_view::npos);
  for (const char c : name) SPOOLMQ_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  SPOOLMQ_CHECK(safe_file_name(name, "x") == name);
}

}  // namespace

void templates(std::string_view input) {
  const std::size_t cut = input.find('\n');
  const std::string_view text = input.substr(0, cut);
  const std::string_view given = cut == std::string_view::npos ? "" : input.substr(cut + 1);
  Message message;
  message.headers = {{"name", std::string(given)}};

  is_refused([&] { check_file_name(NameTemplate::parse(text).render(message, 7)); });
  is_refused([&] { (void)PathTemplate::parse(text).render(given, 1'700'000'000'000); });
  is_refused([&] {
    const auto place = DestinationTemplate::parse(text);
    for (const auto broker : {StompBroker::kRabbitMq, StompBroker::kSpoolmq}) {
      (void)place.render("orders/eu", message, broker);
    }
  });
  const std::string safe = safe_file_name(given, "x");
  check_file_name(safe);
  const std::string numbered = numbered_file_name(safe, 12);
  SPOOLMQ_CHECK(numbered.size() <= kMaxFileNameBytes);
  SPOOLMQ_CHECK(number_of_file_name(safe, numbered) == 12U);
  SPOOLMQ_CHECK(!guess_content_type(text, given).empty());
}

}  // namespace spoolmq::fuzz
