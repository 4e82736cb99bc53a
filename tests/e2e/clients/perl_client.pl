#!/usr/bin/perl
# The scenarios of ../stomp.sh with Net::Stomp (Debian's libnet-stomp-perl), unmodified.
#
#   perl_client.pl SCENARIO QUEUE [ARGUMENT…]; the server is in STOMP_HOST, _PORT, _LOGIN, _PASSCODE,
#   the version in STOMP_VERSION (none: 1.0, without saying so). Ends with 1 and one line where the
#   server did something else.
use strict;
use warnings;
use utf8;
use Encode qw(encode_utf8);
use Net::Stomp;
use Time::HiRes qw(sleep time);

my $wait = 20;
my @bodies = ('plain', encode_utf8('grüße ✓ 日本'), join('', map { chr } 0 .. 255), '', 'x' x 300_000);
my $note = encode_utf8('grüße');
my $number = 0;

sub check { my ($good, $why) = @_; die "$why\n" unless $good; }

sub connected {
  my (%headers) = @_;
  $headers{'accept-version'} = $ENV{STOMP_VERSION} if $ENV{STOMP_VERSION};
  my $client = Net::Stomp->new({hostname => $ENV{STOMP_HOST} // '127.0.0.1', port => $ENV{STOMP_PORT}});
  my $frame = $client->connect({login => $ENV{STOMP_LOGIN} // 'guest',
      passcode => $ENV{STOMP_PASSCODE} // 'guest', %headers});
  check($frame && $frame->command eq 'CONNECTED', 'not CONNECTED');
  return $client;
}
sub take {
  my ($client) = @_;
  my $frame = $client->receive_frame({timeout => $wait});
  check($frame, 'nothing arrives');
  check($frame->command eq 'MESSAGE', 'not a MESSAGE: ' . $frame->as_string);
  return $frame;
}
# Waits for a receipt; what else arrives meanwhile waits in @$others.
sub require_receipt {
  my ($client, $id, $others) = @_;
  while (my $frame = $client->receive_frame({timeout => $wait})) {
    return if $frame->command eq 'RECEIPT' && $frame->headers->{'receipt-id'} eq $id;
    check($frame->command eq 'MESSAGE', 'instead of a receipt: ' . $frame->as_string);
    push @{$others // []}, $frame;
  }
  die "no receipt $id\n";
}
sub frame {
  my ($client, $command, %headers) = @_;
  $client->send_frame(Net::Stomp::Frame->new({command => $command, headers => {%headers}}));
}
sub confirmed_frame {
  my ($client, $command, %headers) = @_;
  my $id = 'f' . ++$number;
  frame($client, $command, %headers, receipt => $id);
  require_receipt($client, $id);
}
sub put {
  my ($client, $where, $body, %headers) = @_;
  check($client->send_with_receipt({destination => $where, body => $body, timeout => $wait, %headers}),
    'no receipt of SEND');
}
sub subscribe { my ($client, $where, $ack) = @_; 
  # From 1.1 on it needs an id, which Net::Stomp leaves to its caller.
  $client->subscribe({destination => $where, ack => $ack, $ENV{STOMP_VERSION} ? (id => 's1') : ()});
}
sub ack_all {  # Net::Stomp names only the message-id, in every version
  my ($client, $frame, %more) = @_;
  my $id = 'a' . ++$number;
  $client->ack({frame => $frame, receipt => $id, %more});
  require_receipt($client, $id);
}

my %scenarios = (
  send => sub {
    my ($where) = @_;
    my $client = connected();
    # Without bytes_message there is no content-length, and the body ends at the NUL.
    put($client, $where, $_, note => $note, /\0/ ? (bytes_message => 1) : ()) for @bodies;
    $client->disconnect;
  },
  receive => sub {
    my ($where) = @_;
    my $client = connected();
    subscribe($client, $where, 'auto');
    for my $body (@bodies) {
      my $frame = take($client);
      check($frame->body eq $body, 'another body: ' . substr($frame->body, 0, 40));
      check($frame->headers->{note} eq $note, 'note: ' . $frame->headers->{note});
    }
    $client->disconnect;
  },
  fill => sub {
    my ($where, $count) = @_;
    my $client = connected();
    put($client, $where, "m$_") for 1 .. $count;
    $client->disconnect;
  },
  auto => sub {
    my ($where, $count) = @_;
    my $client = connected();
    subscribe($client, $where, 'auto');
    take($client) for 1 .. $count;
    $client->unsubscribe($ENV{STOMP_VERSION} ? {id => 's1'} : {destination => $where});
    confirmed_frame($client, 'BEGIN', transaction => 'behind it');  # whose receipt says that it is done
    $client->disconnect;
  },
  cumulative => sub {
    my ($where, $count) = @_;
    my $client = connected();
    subscribe($client, $where, 'client');
    my @frames = map { take($client) } 1 .. $count;
    ack_all($client, $frames[-1]);
    $client->disconnect;
  },
  individual => sub {
    my ($where, $count) = @_;
    my $client = connected();
    subscribe($client, $where, 'client-individual');
    my @frames = map { take($client) } 1 .. $count;
    for my $nth (1 .. $count) { ack_all($client, $frames[$nth - 1]) if $nth % 2 == 0; }
    $client->disconnect;
  },
  nack => sub {
    my ($where) = @_;
    my $client = connected();
    subscribe($client, $where, 'client-individual');
    my $first = take($client);
    $client->nack({frame => $first});
    my $again = take($client);
    check($again->body eq $first->body, 'another came back');
    check($again->headers->{redelivered} eq 'true', 'came back, and is not redelivered');
    ack_all($client, $again);
    $client->disconnect;
  },
  reject => sub {
    my ($where) = @_;
    my $client = connected();
    subscribe($client, $where, 'client-individual');
    my $frame = take($client);
    $client->nack({frame => $frame, requeue => 'false', receipt => 'n1'});
    require_receipt($client, 'n1');
    $client->disconnect;
  },
  transaction => sub {
    my ($where, $end, @inside) = @_;
    my $client = connected();
    frame($client, 'BEGIN', transaction => 't1');
    $client->send({destination => $where, body => $_, transaction => 't1'}) for @inside;
    confirmed_frame($client, uc $end, transaction => 't1');
    $client->disconnect;
  },
  settled => sub {
    my ($where, $end, $count) = @_;
    my $client = connected();
    subscribe($client, $where, 'client-individual');
    my @frames = map { take($client) } 1 .. $count;
    frame($client, 'BEGIN', transaction => 't2');
    $client->ack({frame => $_, transaction => 't2'}) for @frames;
    $client->send({destination => $where, body => 'in exchange', transaction => 't2'});
    confirmed_frame($client, uc $end, transaction => 't2');
    $client->disconnect;
  },
  # It waits for the RECEIPT of a SEND inside the transaction before it sends COMMIT.
  transactional => sub {
    my ($where) = @_;
    my $client = connected();
    check($client->send_transactional({destination => $where, body => 'all or nothing', timeout => $wait}),
      'send_transactional');
    confirmed_frame($client, 'SEND', destination => $where, body => 'after');
    $client->disconnect;
  },
  # It has no heart-beats of its own, and must not mind those that it asks for.
  beats => sub {
    my ($where) = @_;
    my $client = connected('heart-beat' => '0,100');
    sleep 1;  # not for something to happen: heart-beats gather, ahead of the receipt
    put($client, $where, 'still here');
    $client->disconnect;
  },
  # An ERROR is the last frame, and the connection ends: with 1.2 it would ask again for ever.
  errors => sub {
    my ($where) = @_;
    my $client = connected('accept-version' => '1.2');
    frame($client, 'SEND', destination => '/nothing/known', receipt => 'e1');
    my $frame = $client->receive_frame({timeout => $wait});
    check($frame && $frame->command eq 'ERROR', 'no ERROR');
    check($frame->headers->{'receipt-id'} eq 'e1', 'whose ERROR');
    my $length = $client->_read_data($wait);  # of Net::Stomp, before it connects anew
    check(defined $length && $length == 0, 'the connection stays open');
  },
  many => sub {
    my ($where, $count) = @_;
    my $client = connected();
    $client->send({destination => $where, body => "n$_"}) for 0 .. $count - 2;
    put($client, $where, 'n' . ($count - 1));
    subscribe($client, $where, 'client');
    my @waiting;
    for my $nth (0 .. $count - 1) {
      my $frame = shift @waiting // take($client);
      check($frame->body eq "n$nth", "n$nth is " . $frame->body);
      next unless ($nth + 1) % 50 == 0 || $nth + 1 == $count;
      my $id = 'a' . ++$number;
      $client->ack({frame => $frame, receipt => $id});
      require_receipt($client, $id, \@waiting);
    }
    $client->disconnect;
  },
  confirm => sub {
    my ($where, $told_path, $enough) = @_;
    open(my $told, '>>', $told_path) or die "$told_path: $!\n";
    $told->autoflush(1);
    my ($client, $nth) = (undef, 0);
    until (-e $enough) {
      my $good = eval {
        local $SIG{ALRM} = sub { die "no answer\n" };
        alarm $wait;
        $client //= Net::Stomp->new({hostname => $ENV{STOMP_HOST} // '127.0.0.1', port => $ENV{STOMP_PORT},
            initial_reconnect_attempts => 1, reconnect_attempts => 1, logger => Silent->new});
        $client->{known} //= $client->connect({login => $ENV{STOMP_LOGIN} // 'guest',
            passcode => $ENV{STOMP_PASSCODE} // 'guest'}) or die "not connected\n";
        $client->send_with_receipt({destination => $where, body => "c$nth", timeout => 5});
      };
      alarm 0;
      if ($good) {
        print $told "c$nth\n";
        ++$nth;
      } else {
        undef $client;
        sleep 0.02;
      }
    }
  },
);
my ($scenario, @arguments) = @ARGV;
($scenarios{$scenario} // die "no scenario $scenario\n")->(@arguments);

package Silent;  # a logger
sub new { return bless {}, shift }
sub AUTOLOAD { our $AUTOLOAD; die "$_[1]\n" if $AUTOLOAD =~ /fatal|logdie|logconfess/; return; }
