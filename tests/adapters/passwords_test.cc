// The password file, its hashes, and how a user in it is changed.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>
#include <vector>

#include "adapters/passcode_hash.h"
#include "adapters/password_edit.h"
#include "adapters/password_file.h"
#include "spoolmq/error.h"
#include "tests/support/temporary_directory.h"

namespace spoolmq::adapters {
namespace {

// Of "correct horse", made by mkpasswd of Debian's package whois.
const std::string kHash =
    "$y$j9T$4pIDqYvcddCIiEpia.X8I0$h8ZEzUgxUnd3B5w07x1PNrL3X7rUEVE4rCH5rJWecgD";

class Passwords : public testing::Test {
 protected:
  void write(const std::string& text, mode_t mode = 0600) const {
    std::ofstream(path) << text;
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
  }
  [[nodiscard]] std::string text() const {
    std::ostringstream all;
    all << std::ifstream(path).rdbuf();
    return all.str();
  }
  const spoolmq::test::TemporaryDirectory there;
  const std::string path = there.at("passwords");
};

std::string refusal(const std::function<void()>& act) {
  try {
    act();
    return {};
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kConfiguration);
    return error.what();
  }
}

TEST(PasscodeHash, IsTheSameAsThatOfOthers) {
  EXPECT_TRUE(is_passcode_hash(kHash));
  EXPECT_TRUE(is_passcode(Secret("correct horse"), kHash));
  EXPECT_FALSE(is_passcode(Secret("correct hors"), kHash));
  EXPECT_FALSE(is_passcode(Secret("correct horse "), kHash));
  EXPECT_FALSE(is_passcode(Secret(""), kHash));
  EXPECT_FALSE(is_passcode(Secret(), kHash));
}

TEST(PasscodeHash, IsAnotherOneEachTime) {
  const std::string one = hash_passcode(Secret("same"));
  const std::string other = hash_passcode(Secret("same"));
  EXPECT_NE(one, other);
  EXPECT_TRUE(is_passcode(Secret("same"), one));
  EXPECT_TRUE(is_passcode(Secret("same"), other));
}

TEST(PasscodeHash, OfNobodyIsOneThatCanBeCheckedButNeverMatches) {
  const std::string nobody = hash_of_nobody(kHash);
  EXPECT_TRUE(is_passcode_hash(nobody));
  EXPECT_EQ(nobody.substr(0, kHash.rfind('$')), kHash.substr(0, kHash.rfind('$')));
  EXPECT_FALSE(is_passcode(Secret("correct horse"), nobody));
}

TEST(PasscodeHash, HasAForm) {
  for (std::size_t size = 0; size < kHash.size(); ++size) {
    EXPECT_FALSE(is_passcode_hash(kHash.substr(0, size))) << size;
  }
  for (const std::string& text :
       {kHash + "a", kHash + "$", kHash + "\n", "x" + kHash, "$6$salt$" + std::string(86, 'a'),
        "$y$$salt$" + std::string(43, 'a'), "$y$j9T$$" + std::string(43, 'a'),
        "$y$j9T$sa:lt$" + std::string(43, 'a')}) {
    EXPECT_FALSE(is_passcode_hash(text)) << text;
  }
}

TEST(Secret, KeepsNoMoreThanCryptTakes) {
  EXPECT_TRUE(Secret(std::string(511, 'a')).is_usable());
  EXPECT_FALSE(Secret(std::string(512, 'a')).is_usable());
  EXPECT_FALSE(Secret(std::string_view("a\0b", 3)).is_usable());
  EXPECT_FALSE(Secret("").is_usable());
  Secret one("abc");
  const Secret other = std::move(one);
  EXPECT_EQ(other.bytes(), "abc");
}

TEST_F(Passwords, AreLinesOfNamesAndHashes) {
  const PasswordHashes hashes =
      parse_passwords("# ours\n\nalice:" + kHash + "\nbob@site-7:" + kHash, "p");
  ASSERT_EQ(hashes.size(), 2U);
  EXPECT_EQ(hashes.at("bob@site-7"), kHash);
}

TEST_F(Passwords, NameTheLineThatIsNoneButNotWhatIsThere) {
  for (const std::string& line :
       {std::string("alice"), std::string("alice:secret"), ":" + kHash, "al ice:" + kHash,
        "alice:" + kHash + " ", "alice:" + kHash + "\r", std::string("alice:")}) {
    const std::string why =
        refusal([&] { static_cast<void>(parse_passwords("#\n" + line + "\n", "p")); });
    EXPECT_NE(why.find("p:2"), std::string::npos) << line;
    EXPECT_EQ(why.find("secret"), std::string::npos);
  }
  const std::string twice = "a:" + kHash + "\n";
  EXPECT_NE(refusal([&] { static_cast<void>(parse_passwords(twice + twice, "p")); }).find("twice"),
            std::string::npos);
}

TEST_F(Passwords, OfAFileThatOthersMayUseAreRefused) {
  for (const mode_t mode : std::initializer_list<mode_t>{0600, 0640, 0400, 0440, 0700}) {
    write("alice:" + kHash + "\n", mode);
    EXPECT_EQ(PasswordFile(path).hashes().size(), 1U) << std::oct << mode;
  }
  for (const mode_t mode :
       std::initializer_list<mode_t>{0644, 0604, 0602, 0660, 0620, 0601, 0666}) {
    write("alice:" + kHash + "\n", mode);
    EXPECT_NE(refusal([&] { PasswordFile{path}; }), "") << std::oct << mode;
  }
}

TEST_F(Passwords, OfSomebodyElseAreRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  write("alice:" + kHash + "\n");
  ASSERT_EQ(::chown(path.c_str(), 12345, 0), 0);
  EXPECT_NE(refusal([&] { PasswordFile{path}; }).find("somebody else"), std::string::npos);
}

TEST_F(Passwords, AreRefusedWhereThereIsNoFile) {
  EXPECT_NE(refusal([&] { PasswordFile{path}; }), "");
  EXPECT_NE(refusal([&] { PasswordFile{there.path()}; }), "");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_NE(refusal([&] { PasswordFile{path}; }), "");
}

TEST_F(Passwords, AreReadAgainWhenTheyChanged) {
  write("alice:" + kHash + "\n");
  PasswordFile file(path);
  EXPECT_EQ(file.hashes().size(), 1U);
  set_passcode_hash(path, "bob", kHash);
  EXPECT_EQ(file.hashes().size(), 2U);
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  EXPECT_NE(refusal([&] { static_cast<void>(file.hashes()); }), "");
  EXPECT_NE(refusal([&] { static_cast<void>(file.hashes()); }), "");  // and stays so
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  EXPECT_EQ(file.hashes().size(), 2U);
  std::filesystem::remove(path);
  EXPECT_NE(refusal([&] { static_cast<void>(file.hashes()); }), "");
}

TEST_F(Passwords, AreEditedLineByLine) {
  EXPECT_EQ(set_passcode_hash(path, "alice", kHash), Edited::kAdded);
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  write("# ours\nal:" + kHash + "\nalice:" + kHash + "\n# end", 0640);
  const std::string other = hash_of_nobody(kHash);
  EXPECT_EQ(set_passcode_hash(path, "alice", other), Edited::kChanged);
  EXPECT_EQ(text(), "# ours\nal:" + kHash + "\nalice:" + other + "\n# end\n");
  EXPECT_EQ(remove_login(path, "al"), Edited::kRemoved);
  EXPECT_EQ(text(), "# ours\nalice:" + other + "\n# end\n");
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640U);
  EXPECT_THROW(remove_login(path, "al"), Error);
}

TEST_F(Passwords, KeepTheirOwnerWhenRootEditsThem) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  write("alice:" + kHash + "\n");
  ASSERT_EQ(::chown(path.c_str(), 12345, 54321), 0);
  set_passcode_hash(path, "bob", kHash);
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 12345U);
  EXPECT_EQ(status.st_gid, 54321U);
}

TEST_F(Passwords, AreReplacedBehindASymbolicLink) {
  const std::string link = there.at("link");
  write("");
  ASSERT_EQ(::symlink(path.c_str(), link.c_str()), 0);
  set_passcode_hash(link, "alice", kHash);
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_EQ(text(), "alice:" + kHash + "\n");
}

TEST_F(Passwords, AreNotEditedWhereServersWouldRefuseThem) {
  write("alice:" + kHash + "\n", 0644);
  EXPECT_THROW(set_passcode_hash(path, "bob", kHash), Error);
  EXPECT_EQ(text(), "alice:" + kHash + "\n");
}

TEST_F(Passwords, LoseNothingWhenManyEditThem) {
  constexpr int kEditors = 8;
  constexpr int kEach = 10;
  {
    std::vector<std::jthread> editors;
    for (int one = 0; one < kEditors; ++one) {
      editors.emplace_back([this, one] {
        for (int i = 0; i < kEach; ++i) {
          set_passcode_hash(path, "user" + std::to_string(one) + "-" + std::to_string(i), kHash);
        }
      });
    }
  }
  EXPECT_EQ(read_passwords(path).size(), static_cast<std::size_t>(kEditors * kEach));
}

TEST(LoginName, HasAForm) {
  for (const char* const name : {"a", "alice", "a.b_c-d+e@example.org", "7"}) {
    EXPECT_FALSE(refuse_login_name(name)) << name;
  }
  for (const std::string& name : {std::string(), std::string("-a"), std::string("a:b"),
                                  std::string("a b"), std::string("a\n"), std::string("\xC3\xA4"),
                                  std::string(65, 'a'), std::string("*"), std::string("a/b")}) {
    EXPECT_TRUE(refuse_login_name(name)) << name;
  }
}

}  // namespace
}  // namespace spoolmq::adapters
