#!/usr/bin/perl
# The other side of a System V message queue: msgsnd and msgrcv of perl.
#
#   sysv_peer.pl put KEY TYPE BODY        at once; exit 1: no room
#   sysv_peer.pl get KEY TYPE [SECONDS]   prints TYPE and the body; exit 1: nothing came
#   sysv_peer.pl ask KEY ANSWERS PREFIX   sends messages whose tag is a number and whose body is
#                                         PREFIX-NUMBER until it is killed, prints each body that was
#                                         answered ok; sends again what is not for a second
#   sysv_peer.pl answer KEY ANSWERS       prints each body, then answers ok, until it is killed
use strict;
use warnings;
use IPC::SysV qw(IPC_NOWAIT);
use Time::HiRes qw(sleep time);

$| = 1;
my ($command, $key, @rest) = @ARGV;

sub open_queue {
    for (1 .. 500) {    # it may be made just now
        my $queue = msgget(unpack('l', pack 'L', oct $_[0]), 0);    # a key is signed
        return $queue if defined $queue;
        sleep 0.02;
    }
    die "$_[0]: $!\n";
}

sub put {
    my ($queue, $type, $body, $seconds) = @_;
    my $end = time + $seconds;
    until (msgsnd($queue, pack('l! a*', $type, $body), IPC_NOWAIT)) {
        return 0 if time >= $end;
        sleep 0.002;
    }
    return 1;
}

sub get {
    my ($queue, $type, $seconds) = @_;
    my ($end, $message) = (time + $seconds, '');
    until (msgrcv($queue, $message, 65536, $type, IPC_NOWAIT)) {
        return if time >= $end;
        sleep 0.002;
    }
    return unpack 'l! a*', $message;
}

my $queue = open_queue($key);
if ($command eq 'put') {
    exit(put($queue, @rest, 0) ? 0 : 1);
} elsif ($command eq 'get') {
    my ($type, $body) = get($queue, $rest[0], $rest[1] // 10) or exit 1;
    print "$type $body\n";
} elsif ($command eq 'ask') {
    my ($answers, $prefix, $number, %waiting) = (open_queue($rest[0]), $rest[1], 0);
    while (1) {
        $waiting{++$number} = 0 while keys %waiting < 8;
        for my $tag (sort { $a <=> $b } keys %waiting) {
            next if time - $waiting{$tag} <= 1;
            $waiting{$tag} = time if put($queue, 1, "$tag $prefix-$tag", 0.05);
        }
        while (my ($type, $answer) = get($answers, 0, 0.02)) {
            my ($tag, $word) = split ' ', $answer;
            $tag eq $type or die "an answer to $tag of type $type\n";
            print "$prefix-$tag\n" if defined delete $waiting{$tag} && $word eq 'ok';
        }
    }
} elsif ($command eq 'answer') {
    my $answers = open_queue($rest[0]);
    while (1) {
        my ($type, $message) = get($queue, 0, 60) or next;
        my ($tag, $body) = split / /, $message, 2;
        sleep 0.0005;    # at work: a kill most likely meets it with a message in its hands
        print "$body\n";
        put($answers, 1, "$tag ok", 5);
    }
}
