// Two ends of one connection under TLS in one thread, so that whatever one waits for must be told
// by its events. What certificates are refused for is in tests/e2e/tls_test.sh.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <memory>

#include "adapters/tls.h"
#include "spoolmq/error.h"
#include "tests/support/temporary_directory.h"

namespace spoolmq::adapters {
namespace {

// A key, and a certificate for 127.0.0.1 that it signed itself.
TlsFiles make_files(const std::string& directory) {
  const TlsFiles files{directory + "/c.pem", directory + "/k.pem", directory + "/c.pem"};
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(::EVP_EC_gen("P-256"), ::EVP_PKEY_free);
  const std::unique_ptr<X509, void (*)(X509*)> made(::X509_new(), ::X509_free);
  ::X509_set_version(made.get(), 2);
  ::ASN1_INTEGER_set(::X509_get_serialNumber(made.get()), 1);
  ::X509_gmtime_adj(::X509_getm_notBefore(made.get()), -60);
  ::X509_gmtime_adj(::X509_getm_notAfter(made.get()), 3600);
  ::X509_set_pubkey(made.get(), key.get());
  X509_NAME* const name = ::X509_get_subject_name(made.get());
  const std::array<unsigned char, 5> text{'t', 'e', 's', 't', 0};
  ::X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text.data(), -1, -1, 0);
  ::X509_set_issuer_name(made.get(), name);
  X509_EXTENSION* const host =
      ::X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
  ::X509_add_ext(made.get(), host, -1);
  ::X509_EXTENSION_free(host);
  ::X509_sign(made.get(), key.get(), ::EVP_sha256());
  const std::unique_ptr<FILE, int (*)(FILE*)> c(std::fopen(files.certificate.c_str(), "w"),
                                                std::fclose);
  ::PEM_write_X509(c.get(), made.get());
  const std::unique_ptr<FILE, int (*)(FILE*)> k(std::fopen(files.key.c_str(), "w"), std::fclose);
  ::PEM_write_PrivateKey(k.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  ::fchmod(::fileno(k.get()), 0600);
  return files;
}

class TlsStreamTest : public ::testing::Test {
 protected:
  TlsStreamTest() : files(make_files(directory.path())) {
    std::signal(SIGPIPE, SIG_IGN);  // as main does
  }
  void connect(const TlsContext& server, const TlsContext& client,
               const std::string& name = "127.0.0.1") {
    std::array<int, 2> pair{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()), 0);
    here = server.accept(Descriptor(pair[0]));
    there = client.connect(Descriptor(pair[1]), name);
  }
  // Neither has a thread of its own: a direction that is told wrongly never gets further.
  void wait(short here_events, short there_events) {
    std::array<pollfd, 2> both{
        {{here->descriptor(), here_events, 0}, {there->descriptor(), there_events, 0}}};
    ASSERT_GT(::poll(both.data(), both.size(), 10'000), 0) << "nobody gets further";
  }
  void open() {
    Moved one = Moved::kLater;
    Moved two = Moved::kLater;
    while (one == Moved::kLater || two == Moved::kLater) {
      if (two == Moved::kLater) two = there->open();
      if (one == Moved::kLater) one = here->open();
      if (one == Moved::kFailed || two == Moved::kFailed) return;
    }
  }

  const spoolmq::test::TemporaryDirectory directory;
  const TlsFiles files;
  std::unique_ptr<Stream> here;
  std::unique_ptr<Stream> there;
};

TEST_F(TlsStreamTest, MovesMuchBothWaysAtOnce) {
  const TlsContext server = TlsContext::server(files);
  const TlsContext client = TlsContext::client(files);
  connect(server, client);
  open();
  EXPECT_EQ(here->subject(), "CN=test");  // it was asked for
  constexpr std::size_t kBytes = 3 << 20;
  const std::string sent(kBytes, 'x');
  std::array<std::size_t, 2> written{};
  std::array<std::size_t, 2> got{};
  const std::array<Stream*, 2> ends{here.get(), there.get()};
  std::string buffer(64 << 10, '\0');
  while (got[0] < kBytes || got[1] < kBytes) {
    std::array<short, 2> events{};
    bool moved = false;
    for (std::size_t i = 0; i < 2; ++i) {
      if (written[i] < kBytes) {
        const Transfer out = ends[i]->write_some(std::string_view(sent).substr(written[i]));
        ASSERT_NE(out.moved, Moved::kFailed) << ends[i]->why();
        written[i] += out.bytes;
        moved = moved || out.bytes > 0;
        events[i] = ends[i]->events(Direction::kWrite);
      }
      const Transfer in = ends[i]->read_some(buffer);
      ASSERT_NE(in.moved, Moved::kFailed) << ends[i]->why();
      got[i] += in.bytes;
      moved = moved || in.bytes > 0;
      events[i] = static_cast<short>(events[i] | ends[i]->events(Direction::kRead));
    }
    if (!moved) wait(events[0], events[1]);
  }
  EXPECT_EQ(here->finish_writing(), Moved::kDone);
  EXPECT_EQ(there->read_some(buffer).moved, Moved::kEnd);
  const Transfer last = there->write_some("still");  // a half-close
  EXPECT_EQ(last.bytes, 5);
  EXPECT_EQ(here->read_some(buffer).bytes, 5);
}

TEST_F(TlsStreamTest, TellsAnEndFromACut) {
  const TlsContext server = TlsContext::server(files);
  const TlsContext client = TlsContext::client(files);
  connect(server, client);
  open();
  there->write_some("half");
  there->shut();
  std::string buffer(100, '\0');
  EXPECT_EQ(here->read_some(buffer).bytes, 4);
  EXPECT_EQ(here->read_some(buffer).moved, Moved::kFailed);
  EXPECT_NE(here->why().find("without TLS's end"), std::string::npos) << here->why();
}

TEST_F(TlsStreamTest, RefusesWhatItDoesNotKnowAndTheOtherNames) {
  const spoolmq::test::TemporaryDirectory other_directory;
  const TlsFiles other = make_files(other_directory.path());
  const TlsContext server = TlsContext::server({files.certificate, files.key, {}});
  const TlsContext stranger = TlsContext::client({{}, {}, other.authorities});
  connect(server, stranger);
  open();
  EXPECT_NE(there->why().find("the certificate is refused: "), std::string::npos) << there->why();
  const TlsContext client = TlsContext::client({{}, {}, files.authorities});
  connect(server, client, "127.0.0.2");
  open();
  EXPECT_NE(there->why().find("IP address mismatch"), std::string::npos) << there->why();
}

TEST_F(TlsStreamTest, RefusesAKeyThatOthersMayRead) {
  ASSERT_EQ(::chmod(files.key.c_str(), 0604), 0);
  try {
    static_cast<void>(TlsContext::server(files));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kConfiguration);
    EXPECT_EQ(error.subject(), files.key);
  }
}

}  // namespace
}  // namespace spoolmq::adapters
