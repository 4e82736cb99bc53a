#!/usr/bin/env python3
"""Takes one safeguard of the code away at a time; the tests named with it must find it missing.

  sabotage.py sources                 the source files that hold safeguards
  sabotage.py write SOURCE FROM TO    copies FROM/SOURCE to TO, each safeguard behind a switch
  sabotage.py run TEST=PROGRAM…       every safeguard whose test was given; 0: all were found missing

A safeguard is a condition, which without it has always one value, or a statement, which is left out.
Its text must stand in its source file once; what was moved or reworded has to be so here, too.
"""
import os
import subprocess
import sys
from dataclasses import dataclass

LIMIT_S = 60


@dataclass
class Safeguard:
    name: str
    source: str
    text: str
    instead: str  # its value; empty: it is a statement
    test: str     # an executable of the tests; empty: this is a part of the one above it
    finds: str    # those of its tests that fail without it


SAFEGUARDS = [
    # Who may settle a message.
    Safeguard("lease-token", "store/index_lease.cc", "row->token != receipt.token", "false",
              "store_test", "Ack.*:Lease.*"),
    Safeguard("lease-deadline", "store/index_lease.cc", "row->due <= now.boot_ms", "false",
              "store_test", "Lease.CannotBeAcknowledgedThroughAnotherHandleAfterItsDeadline"),
    Safeguard("remembered-lease-deadline", "store/index_lease.cc", "row.due <= now.boot_ms", "false",
              "store_test", "Lease.CannotBeAcknowledgedAfterItsDeadlineEvenIfNobodyTookOver"),
    Safeguard("remembered-lease", "store/index_lease.cc",
              "rows.integer(0) != row.sequence || rows.id(1) != row.id", "false",
              "store_test", "IndexRuns.ALeaseThatChangedIsNotFoundAsItWas"),
    Safeguard("receipt-twice", "store/queue_leases.cc",
              "one.row && !seen.insert(one.row->sequence).second", "false",
              "store_test", "Ack.OfTheSameReceiptTwiceInOneCallIsOne"),
    # What is acknowledged before the index knows.
    Safeguard("early-ack-epoch", "store/queue_acks.cc", "acks[i]->held.under == now_under", "true",
              "store_test", "LateEarlyAck.IsLostWhereAnOperatorRevoked*"),
    Safeguard("early-ack-deadline", "store/queue_acks.cc", "now_ms < acks[i]->held.due", "true",
              "store_test", "LateEarlyAck.IsLostWhereItsLeaseEndedMeanwhile"),
    Safeguard("early-ack-taken-back", "store/queue_acks.cc", "ack_log_.wipe(number);", "",
              "store_test", "LateEarlyAck.ThatIsLostIsNotFoundByANewIndex"),
    Safeguard("early-ack-announced", "store/queue_leases.cc",
              "if (verdict != Verdict::kAck) part_with(session, receipts);", "",
              "store_test", "LateEarlyAck.IsLostWhereAnotherReleasedItMeanwhile"),
    Safeguard("early-ack-of-another", "store/recovery.cc", "take_over_acks_of(session, slots);", "",
              "store_test", "EarlyAck.IsSeenByEveryoneAtOnce"),
    Safeguard("early-ack-of-the-dead", "store/recovery.cc",
              "take_over_acks_of_dead(session, slot.number);", "",
              "kill_test", "KillHolder.WhatItAcknowledgedEarlyDoesNotComeBack"),
    Safeguard("early-ack-of-the-last-boot", "store/recovery.cc", "acks_left()",
              "std::vector<AckLog::Entry>()", "store_test", "EarlyAck.SurvivesANewBoot"),
    Safeguard("early-ack-for-a-new-index", "store/rebuild.cc", "is_acked_early(message.id, at)",
              "false", "store_test", "EarlyAck.IsKnownToANewIndex"),
    Safeguard("early-ack-of-this-delivery", "store/queue_acks.cc",
              "!is_its_lease && known >= entry.deliveries", "false",
              "store_test", "EarlyAck.IsNotForADeliveryThatFailedAndAMessageThatCameBack"),
    Safeguard("early-ack-behind-one-given-back", "store/queue_acks.cc",
              "row->counters.deliveries - (is_leased ? 1 : 0)", "row->counters.deliveries",
              "store_test", "EarlyAck.OfWhatWasGivenBackBeforeSurvivesAPowerCut"),
    Safeguard("early-ack-of-this-message", "store/queue_acks.cc",
              "at.file != entry.file || at.offset != entry.offset", "false",
              "store_test", "EarlyAck.IsNotForAMessageThatComesAgainUnderTheSameId"),
    Safeguard("early-ack-room", "store/queue_acks.cc",
              "acks_written_ + acks.size() - acks_synced_ > AckLog::kEntries", "false",
              "store_test", "EarlyAck.OfMoreThanTheFileHoldsGoesByTheIndex"),
    Safeguard("early-ack-checksum", "store/ack_log.cc",
              "load_le<std::uint64_t>(bytes, kChecksumAt) != checksum(bytes.first(kChecksumAt), kSeed)",
              "false", "store_test", "AckLog.BelievesNoEntryWithATurnedByte"),
    Safeguard("early-ack-before-its-deadline", "store/queue_acks.cc",
              "one.due > session.now.boot_ms", "true",
              "store_test", "EarlyAckByOnes.IsInTheIndexBeforeItsLeaseEndsThere"),
    Safeguard("claimed-beside-a-lost-lease", "store/queue_acks.cc",
              "if (*outcome == LeaseOutcome::kLost) claim.give_back();", "",
              "store_test", "EarlyAckAndNext.OfALostLeaseReceivesNothing"),
    Safeguard("prefetched-under", "store/queue_prefetch.cc",
              "next.under == HeldUnder::of(header)", "true",
              "store_test", "Prefetch.OfARevokedLeaseIsNotHandedOut"),
    Safeguard("prefetched-until", "store/queue_prefetch.cc",
              "clock_->boot_ms() < next.until", "true",
              "store_test", "Prefetch.LeavesHalfOfTheLease"),
    # Order and bounds.
    Safeguard("order-key", "store/index_send.cc", "live.bind(1, entry.order_key).step()", "false",
              "store_test", "OrderKey.AllowsOneLeaseAtATime"),
    Safeguard("capacity", "store/queue_reserve.cc",
              "!session.index.has_room(count, bytes, settings)", "false",
              "store_test", "Capacity.RefusesOneMoreAndLeavesNothing"),
    Safeguard("reserve", "store/queue_reserve.cc",
              "for (const Index::Reservation& one : wanted) session.index.reserve(one);", "",
              "store_test", "DedupeKey.LetsOneOfManyConcurrentSendersThrough"),
    Safeguard("known-key", "store/queue_reserve.cc", "session.index.known_key(key, session.now)",
              "std::optional<MessageId>()", "store_test", "DedupeKey.AddsNothingWithinItsWindow"),
    Safeguard("same-bytes", "store/queue_reserve.cc", "!known || same_body(*known, message)", "true",
              "store_test", "ExplicitId.RefusesOtherBytes"),
    # What the disk gives back.
    Safeguard("record-header-checksum", "core/record_codec.cc",
              "load_le<std::uint64_t>(bytes, at) == checksum(bytes.first(at), seed)", "true",
              "core_test", "Record*"),
    Safeguard("record-checksum", "core/record_codec.cc",
              "load_le<std::uint64_t>(bytes, record_at::kContentChecksum) != checksum(content, seed)",
              "false", "store_test", "Damage.InOneRecordLeavesTheOthers"),
    Safeguard("xml-checksum", "core/xml_decode.cc", "checksum != record::content_checksum(message)",
              "false", "store_test", "Damage.OfAnXmlFileIsSeenToo"),
    Safeguard("record-id", "store/spool_reader.cc", "decoded->message.id != one.id", "false",
              "store_test", "IndexRowsOfOtherPlaces.AreNotBelieved"),
    Safeguard("verdict-checksum", "store/verdicts.cc",
              "load_le<std::uint64_t>(entry, 8 + length) ==\n"
              "         XXH3_64bits_withSeed(entry.data(), 8 + length, at + 1)", "true",
              "store_test", "VerdictsLog.BelievesNoEntryWithATurnedByte"),
    Safeguard("page-checksum", "store/checked_vfs.cc", "stored == page_checksum(into, offset)", "true",
              "store_test", "IndexPage.WithATurnedBitIsNotBelieved"),
    Safeguard("older-index", "store/queue_impl.cc", "header.database_stamp != stamp", "false",
              "kill_test", "*OlderCopyUnderTheNewerLog:IndexDamage.AnOlderCopy*"),
    Safeguard("replaced-index", "store/queue_impl.cc", "!index_.has_moved()", "true",
              "store_test", "RemovedIndex.*"),
    Safeguard("failed-sync", "store/queue_impl.cc", "end_generation(unsynced_generation_);", "",
              "store_crash_test", "CrashRefusalOfASync.*"),
    Safeguard("manifest", "store/queue_restore.cc", "found != promised.small", "false",
              "store_test", "Backup.RefusesEveryDamage"),
    # Who is dead, and who is not.
    Safeguard("slot-taken", "store/handle_table.cc", "previous.incarnation != 0", "false",
              "kill_test", "KillHolder.ATakerOfItsSlotReturnsItsLeases"),
    Safeguard("alive", "store/handle_table.cc",
              "file_->is_locked_by_another(layout::kSlotLockBase + slot, 1)", "false",
              "kill_test", "KillHolder.AStoppedOneKeepsItsLeaseToTheDeadlineAndNoLonger"),
    Safeguard("alive", "store/handle_table.cc",
              "if (!file_->try_lock(layout::kSlotLockBase + slot, 1, LockKind::kExclusive)) return false;",
              "", "", ""),
    Safeguard("reaping", "store/recovery.cc", "      reap(session, dead);\n      reaped = true;", "",
              "kill_test", "KillHolder.TwoReapersAtOnceDeliverEachMessageOnceMore"),
    # What is done for those who wait.
    Safeguard("requester-alive", "store/queue_serve.cc",
              "handles_.read_one(one.request.slot).incarnation != one.request.incarnation", "false",
              "store_test", "Combining.NothingIsClaimedForADeadHandle"),
    Safeguard("doubtful-claim", "store/queue_impl.cc", "if (post.is_unknown()) note_doubt();", "",
              "store_test", "Combining.AClaimWhoseMakerWasKilledIsReceivedAllTheSame"),
    Safeguard("paused-for-all", "store/queue_serve.cc",
              "(session.header.flags & layout::kPausedReceive) != 0", "false",
              "store_test", "Combining.APausedQueueGivesNothing"),
    Safeguard("up-to-date", "store/queue_serve.cc", "!session.up_to_date", "false",
              "store_test", "Combining.WhatHasNoRowYetIsNotPassedOver"),
    Safeguard("repeated-sync", "store/queue_leases.cc",
              "std::ranges::find(work.outcomes, LeaseOutcome::kRepeated) != work.outcomes.end()",
              "false",
              "store_test", "Ack.OfWhatAnotherHasAcknowledgedIsDurableToo"),
    Safeguard("sync-with-the-next", "store/queue_receive.cc",
              "follow_leases(settled, AfterLease::kSync, Verdict::kAck, served)",
              "follow_leases(settled, AfterLease::kNothing, Verdict::kAck, served)",
              "store_test", "AckAndReceive.IsOneSyncAndTheAckIsDurable"),
    Safeguard("none-for-a-lost-lease", "store/queue_receive.cc",
              "std::ranges::count(settled.outcomes, LeaseOutcome::kLost) > 0", "false",
              "store_test", "AckAndReceive.OfALostLeaseReceivesNothing"),
    Safeguard("none-for-a-lost-lease-of-another", "store/queue_serve.cc",
              "one.answer->outcome == LeaseOutcome::kLost", "false",
              "store_test", "Combining.WhoseLeaseIsLostIsGivenNoOther"),
    # What comes in from directories.
    Safeguard("rescan", "watcher/directory_watcher.cc", "(event.mask & IN_Q_OVERFLOW) != 0", "false",
              "watcher_test", "DirectoryWatcher.LooksAtEverythingAfterEventsWereLost"),
    Safeguard("import-identity", "adapters/import_identity.cc", "find(claim.file, claim.content)",
              "std::optional<KnownImport>()", "adapters_test",
              "ImportIdentity.GivesTheSameFileTheSameIdAgain"),
]


def as_switch(safeguard):
    gone = f'::spoolmq::test::sabotaged("{safeguard.name}")'
    if safeguard.instead:
        return f"({gone} ? ({safeguard.instead}) : ({safeguard.text}))"
    return f"if (!{gone}) {{ {safeguard.text} }}"


def copy_with_switches(source, base, to):
    with open(os.path.join(base, source), encoding="utf-8") as file:
        text = file.read()
    for safeguard in SAFEGUARDS:
        if safeguard.source != source:
            continue
        if text.count(safeguard.text) != 1:
            sys.exit(f"sabotage.py: {source}: {safeguard.name}: its text stands there "
                     f"{text.count(safeguard.text)} times: {safeguard.text}")
        text = text.replace(safeguard.text, as_switch(safeguard))
    os.makedirs(os.path.dirname(to), exist_ok=True)
    with open(to, "w", encoding="utf-8") as file:
        file.write('#include "tests/sabotage/switch.h"\n' + text)


def ends_well(programs, safeguard, without):
    environment = dict(os.environ)
    environment["SPOOLMQ_KILL_DRIVER"] = programs.get("kill_driver", "")
    environment.pop("SPOOLMQ_SABOTAGE", None)
    if without:
        environment["SPOOLMQ_SABOTAGE"] = safeguard.name
    try:
        done = subprocess.run([programs[safeguard.test], "--gtest_filter=" + safeguard.finds,
                               "--gtest_fail_fast"],
                              env=environment, capture_output=True, text=True, errors="replace",
                              timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return False
    if "[==========] Running 0 tests" in done.stdout:
        sys.exit(f"sabotage.py: {safeguard.name}: {safeguard.test} has no test {safeguard.finds}")
    return done.returncode == 0


def run(programs):
    passed = True
    for safeguard in SAFEGUARDS:
        if safeguard.test not in programs:
            continue
        if not ends_well(programs, safeguard, without=False):
            verdict = "FAILS WITH IT"
        elif ends_well(programs, safeguard, without=True):
            verdict = "NOT FOUND"
        else:
            verdict = "found"
        passed = passed and verdict == "found"
        print(f"{safeguard.name}: {verdict} ({safeguard.test} {safeguard.finds})", flush=True)
    return 0 if passed else 1


def main(words):
    if words == ["sources"]:
        print(";".join(sorted({safeguard.source for safeguard in SAFEGUARDS})))
        return 0
    if len(words) == 4 and words[0] == "write":
        copy_with_switches(*words[1:])
        return 0
    if len(words) > 1 and words[0] == "run":
        return run(dict(word.split("=", 1) for word in words[1:]))
    print(__doc__, file=sys.stderr)
    return 64


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
