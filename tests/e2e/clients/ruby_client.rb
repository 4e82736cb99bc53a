#!/usr/bin/ruby
# encoding: utf-8
# frozen_string_literal: false
# The scenarios of ../stomp.sh with the gem stomp (Debian's ruby-stomp), unmodified.
#
#   ruby_client.rb SCENARIO QUEUE [ARGUMENT…]; the server is in STOMP_HOST, _PORT, _LOGIN, _PASSCODE,
#   the version in STOMP_VERSION; STOMP_CRLF: lines end with CR LF, in 1.2. Ends with 1 and one line
#   where the server did something else.
require 'stomp'
require 'timeout'

WAIT = 20
VERSION = ENV.fetch('STOMP_VERSION', '1.2')
BODIES = ['plain', 'grüße ✓ 日本', (0..255).map(&:chr).join.b, '', 'x' * 300_000].freeze
NOTE = VERSION == '1.0' ? 'grüße' : "grüße:a\\b"

def check(good, why)
  return if good
  warn why
  exit! 1
end

# Receipts and messages come by the same call, so that what is not waited for waits here.
class Client
  attr_reader :connection

  def initialize(more = {})
    headers = { 'accept-version' => VERSION, 'host' => '/' }.merge(more)
    @connection = Stomp::Connection.new(
      hosts: [{ login: ENV.fetch('STOMP_LOGIN', 'guest'), passcode: ENV.fetch('STOMP_PASSCODE', 'guest'),
                host: ENV.fetch('STOMP_HOST', '127.0.0.1'), port: ENV.fetch('STOMP_PORT').to_i }],
      reliable: false, connect_headers: VERSION == '1.0' ? {} : headers, connread_timeout: 5,
      usecrlf: ENV.key?('STOMP_CRLF')
    )
    @waiting = []
    @number = 0
  end

  def frame
    got = Timeout.timeout(WAIT) { @connection.receive }
    check(got, 'the connection has ended')
    check(got.command != 'ERROR', "ERROR: #{got.headers['message']}")
    got
  end

  def take
    return @waiting.shift unless @waiting.empty?
    got = frame
    check(got.command == 'MESSAGE', "not a MESSAGE: #{got.command}")
    got
  end

  def receipt
    { 'receipt' => "r-#{@number += 1}" }
  end

  def confirmed(headers)
    loop do
      got = frame
      return if got.command == 'RECEIPT' && got.headers['receipt-id'] == headers['receipt']
      @waiting << got if got.command == 'MESSAGE'
    end
  end

  def send(where, body, more = {})
    headers = receipt
    @connection.publish(where, body, headers.merge(more))
    confirmed(headers)
  end

  def subscribe(where, ack)
    @connection.subscribe(where, { 'ack' => ack, 'id' => 's1' }, 's1')
  end

  def settle(got, act = :ack, more = {})
    headers = receipt.merge(more)
    case VERSION
    when '1.2' then @connection.public_send(act, got.headers['ack'], headers)
    when '1.1' then @connection.public_send(act, got.headers['message-id'], headers.merge('subscription' => 's1'))
    else @connection.public_send(act, got.headers['message-id'], headers)
    end
    confirmed(headers)
  end

  def bye
    @connection.disconnect('receipt' => 'bye')
    check(@connection.disconnect_receipt, 'DISCONNECT has no receipt')
  end
end

def send_all(where)
  client = Client.new
  BODIES.each { |body| client.send(where, body, 'note' => NOTE) }
  client.bye
end

def receive_all(where)
  client = Client.new
  client.subscribe(where, 'auto')
  BODIES.each do |body|
    got = client.take
    check(got.body.b == body.b, "#{body.b[0, 40].inspect} became #{got.body.b[0, 40].inspect}")
    check(got.headers['note'].b == NOTE.b, "note: #{got.headers['note']}")
  end
  client.bye
end

def fill(where, count)
  client = Client.new
  (1..count.to_i).each { |number| client.send(where, "m#{number}") }
  client.bye
end

def auto(where, count)
  client = Client.new
  client.subscribe(where, 'auto')
  count.to_i.times { client.take }
  headers = client.receipt
  client.connection.unsubscribe(where, { 'id' => 's1' }.merge(headers), 's1')
  client.confirmed(headers)
  client.bye
end

def cumulative(where, count)
  client = Client.new
  client.subscribe(where, 'client')
  got = Array.new(count.to_i) { client.take }
  client.settle(got.last)
  client.bye
end

def individual(where, count)
  client = Client.new
  client.subscribe(where, 'client-individual')
  got = Array.new(count.to_i) { client.take }
  got.each_with_index { |one, at| client.settle(one) if at.odd? }
  client.bye
end

def nack(where)
  client = Client.new
  client.subscribe(where, 'client-individual')
  first = client.take
  client.settle(first, :nack)
  again = client.take
  check(again.body == first.body, 'another came back')
  check(again.headers['redelivered'] == 'true', 'came back, and is not redelivered')
  client.settle(again)
  client.bye
end

def reject(where)
  client = Client.new
  client.subscribe(where, 'client-individual')
  client.settle(client.take, :nack, 'requeue' => 'false')
  client.bye
end

def transaction(where, ending, *bodies)
  client = Client.new
  client.connection.begin('t1')
  bodies.each { |body| client.send(where, body, 'transaction' => 't1') }
  headers = client.receipt
  client.connection.public_send(ending, 't1', headers)
  client.confirmed(headers)
  client.bye
end

def settled(where, ending, count)
  client = Client.new
  client.subscribe(where, 'client-individual')
  got = Array.new(count.to_i) { client.take }
  client.connection.begin('t2')
  got.each { |one| client.settle(one, :ack, 'transaction' => 't2') }
  client.send(where, 'in exchange', 'transaction' => 't2')
  headers = client.receipt
  client.connection.public_send(ending, 't2', headers)
  client.confirmed(headers)
  client.bye
end

def beats(where)
  client = Client.new('heart-beat' => '500,500')
  connection = client.connection
  # Its own thread reads and counts them, as long as nobody else reads.
  deadline = Time.now + WAIT
  sleep 0.02 until (connection.hbrecv_count || 0) >= 4 || Time.now > deadline
  check(connection.hbrecv_count >= 4, "only #{connection.hbrecv_count} heart-beats came")
  check(connection.hbsend_count >= 2, "only #{connection.hbsend_count} heart-beats went")
  connection.publish(where, 'still here', 'receipt' => 'b1')
  got = client.frame
  check(got.headers['receipt-id'] == 'b1', 'no receipt')
  connection.disconnect('receipt' => 'bye')
end

# The message's headers come back as they went, of a repeated name the first.
def repeated(where)
  client = Client.new
  client.send(where, 'twice', 'colour' => %w[red blue])
  client.subscribe(where, 'auto')
  value = client.take.headers['colour']
  check([value].flatten.first == 'red', "colour: #{value}")
  client.bye
end

def many(where, count)
  count = count.to_i
  client = Client.new
  (0...count - 1).each { |number| client.connection.publish(where, "n#{number}") }
  client.send(where, "n#{count - 1}")
  client.subscribe(where, 'client')
  (0...count).each do |number|
    got = client.take
    check(got.body == "n#{number}", "n#{number} is #{got.body}")
    client.settle(got) if ((number + 1) % 50).zero? || number + 1 == count
  end
  client.bye
end

def confirm(where, told, enough)
  client = nil
  number = 0
  File.open(told, 'a') do |file|
    file.sync = true
    until File.exist?(enough)
      begin
        client ||= Client.new
        headers = client.receipt
        client.connection.publish(where, "c#{number}", headers)
        got = Timeout.timeout(5) { client.connection.receive }
        raise 'ended' if got.nil? || got.headers['receipt-id'] != headers['receipt']
        file.puts "c#{number}"
        number += 1
      rescue StandardError, Timeout::Error
        client = nil
        sleep 0.02
      end
    end
  end
end

SCENARIOS = { 'send' => :send_all, 'receive' => :receive_all }.freeze
scenario, *arguments = ARGV
__send__(SCENARIOS.fetch(scenario, scenario).to_sym, *arguments)
exit! 0 # its heart-beat threads may still wait
