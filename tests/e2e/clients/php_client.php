<?php
// The scenarios of ../stomp.sh with PECL's stomp (Debian's php-stomp), unmodified.
//
//   php_client.php SCENARIO QUEUE [ARGUMENT…]; the server is in STOMP_HOST, _PORT, _LOGIN, _PASSCODE,
//   the version in STOMP_VERSION (none: 1.0, without saying so). Ends with 1 and one line where the
//   server did something else.
declare(strict_types=1);

const WAIT = 20;

function bodies(): array
{
    return ['plain', 'grüße ✓ 日本', implode('', array_map('chr', range(0, 255))), '', str_repeat('x', 300000)];
}

function check(bool $good, string $why): void
{
    if (!$good) {
        fwrite(STDERR, "$why\n");
        exit(1);
    }
}

function connected(array $headers = []): Stomp
{
    $version = getenv('STOMP_VERSION');
    if ($version) {
        $headers += ['accept-version' => $version, 'host' => '/'];
    }
    $broker = 'tcp://' . (getenv('STOMP_HOST') ?: '127.0.0.1') . ':' . getenv('STOMP_PORT');
    $client = new Stomp($broker, getenv('STOMP_LOGIN') ?: 'guest', getenv('STOMP_PASSCODE') ?: 'guest', $headers);
    $client->setReadTimeout(WAIT);
    return $client;
}

// SUBSCRIBE has no id unless one is given; 1.0 needs none.
function subscribe(Stomp $client, string $where, string $ack): void
{
    $headers = ['ack' => $ack, 'prefetch-count' => '100'] + (getenv('STOMP_VERSION') ? ['id' => 's1'] : []);
    check($client->subscribe($where, $headers), 'subscribe: ' . $client->error());
}

function take(Stomp $client): StompFrame
{
    $frame = $client->readFrame();
    check($frame !== false, 'nothing arrives: ' . $client->error());
    check($frame->command === 'MESSAGE', "not a MESSAGE: $frame->command");
    return $frame;
}

// send() with a receipt waits for it, and keeps what arrives before.
function put(Stomp $client, string $where, string $body, array $headers = []): void
{
    static $number = 0;
    check($client->send($where, $body, $headers + ['receipt' => 'r' . ++$number]), 'no receipt: ' . $client->error());
}

function settle(Stomp $client, StompFrame $frame, string $act = 'ack', array $headers = []): void
{
    static $number = 0;
    check($client->$act($frame, $headers + ['receipt' => 'a' . ++$number]), "$act: " . $client->error());
}

$scenarios = [
    'send' => function (string $where): void {
        $client = connected();
        foreach (bodies() as $body) {
            put($client, $where, $body, ['note' => 'grüße']);
        }
    },
    'receive' => function (string $where): void {
        $client = connected();
        subscribe($client, $where, 'auto');
        foreach (bodies() as $body) {
            $frame = take($client);
            check((string) $frame->body === $body, 'another body: ' . substr((string) $frame->body, 0, 40));
            check($frame->headers['note'] === 'grüße', 'note: ' . $frame->headers['note']);
        }
    },
    'fill' => function (string $where, string $count): void {
        $client = connected();
        for ($number = 1; $number <= (int) $count; ++$number) {
            put($client, $where, "m$number");
        }
    },
    'auto' => function (string $where, string $count): void {
        $client = connected();
        subscribe($client, $where, 'auto');
        for ($number = 0; $number < (int) $count; ++$number) {
            take($client);
        }
        check($client->unsubscribe($where, ['receipt' => 'u1'] + (getenv('STOMP_VERSION') ? ['id' => 's1'] : [])), 'unsubscribe: ' . $client->error());
    },
    'cumulative' => function (string $where, string $count): void {
        $client = connected();
        subscribe($client, $where, 'client');
        for ($number = 0; $number < (int) $count; ++$number) {
            $frame = take($client);
        }
        settle($client, $frame);
    },
    'individual' => function (string $where, string $count): void {
        $client = connected();
        subscribe($client, $where, 'client-individual');
        for ($number = 0; $number < (int) $count; ++$number) {
            $frames[] = take($client);
        }
        foreach ($frames as $at => $frame) {
            if ($at % 2) {
                settle($client, $frame);
            }
        }
    },
    'nack' => function (string $where): void {
        $client = connected();
        subscribe($client, $where, 'client-individual');
        $first = take($client);
        settle($client, $first, 'nack');
        $again = take($client);
        check($again->body === $first->body, 'another came back');
        check($again->headers['redelivered'] === 'true', 'came back, and is not redelivered');
        settle($client, $again);
    },
    'reject' => function (string $where): void {
        $client = connected();
        subscribe($client, $where, 'client-individual');
        settle($client, take($client), 'nack', ['requeue' => 'false']);
    },
    'transaction' => function (string $where, string $end, string ...$inside): void {
        $client = connected();
        check($client->begin('t1'), 'begin');
        foreach ($inside as $body) {
            check($client->send($where, $body, ['transaction' => 't1']), 'send');
        }
        check($client->$end('t1', ['receipt' => 'e1']), "$end: " . $client->error());
    },
    'settled' => function (string $where, string $end, string $count): void {
        $client = connected();
        subscribe($client, $where, 'client-individual');
        for ($number = 0; $number < (int) $count; ++$number) {
            $frames[] = take($client);
        }
        check($client->begin('t2'), 'begin');
        foreach ($frames as $frame) {
            check($client->ack($frame, ['transaction' => 't2']), 'ack');
        }
        check($client->send($where, 'in exchange', ['transaction' => 't2']), 'send');
        check($client->$end('t2', ['receipt' => 'e2']), "$end: " . $client->error());
    },
    // ACK repeats every header of the MESSAGE: what a sender said of its own SEND must not be there.
    'echo' => function (string $where): void {
        $client = connected();
        check($client->begin('stale'), 'begin');
        put($client, $where, 'once', ['transaction' => 'stale', 'selector' => 'x', 'id' => 'mine']);
        check($client->commit('stale', ['receipt' => 'c1']), 'commit');
        $client = connected();
        subscribe($client, $where, 'client');
        $frame = take($client);
        foreach (['receipt', 'transaction'] as $name) {
            check(!isset($frame->headers[$name]), "$name of the SEND is in the MESSAGE");
        }
        check($client->ack($frame), 'ack');
        put($client, $where, 'the connection is still good');
    },
    // It knows no heart-beats, asks for none, and would take them for frames: none must come.
    'beats' => function (string $where): void {
        $client = connected();
        $client->setReadTimeout(1);  // nothing must happen in it
        check(!$client->hasFrame(), 'something came, out of nothing');
        $client->setReadTimeout(WAIT);
        put($client, $where, 'still here');
    },
    'many' => function (string $where, string $count): void {
        $client = connected();
        for ($number = 0; $number < $count - 1; ++$number) {
            $client->send($where, "n$number");
        }
        put($client, $where, 'n' . ($count - 1));
        subscribe($client, $where, 'client');
        for ($number = 0; $number < $count; ++$number) {
            $frame = take($client);
            check($frame->body === "n$number", "n$number is $frame->body");
            if (($number + 1) % 50 === 0 || $number + 1 == $count) {
                settle($client, $frame);
            }
        }
    },
    'confirm' => function (string $where, string $told, string $enough): void {
        for ($client = null, $number = 0; !file_exists($enough); clearstatcache()) {
            try {
                $client ??= connected();
                if (@$client->send($where, "c$number", ['receipt' => "r$number"])) {
                    file_put_contents($told, "c$number\n", FILE_APPEND);
                    ++$number;
                    continue;
                }
            } catch (StompException $lost) {
            }
            $client = null;
            usleep(20000);
        }
    },
];
$scenarios[$argv[1]](...array_slice($argv, 2));
